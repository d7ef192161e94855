package auth

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
)

// issued signs a token.
func issued(t *testing.T, keys string, g Grant) string {
	t.Helper()
	token, err := Issue([]byte(keys), g, time.Now())
	require.NoError(t, err)
	return token
}

func TestASignedTokenIsGoodForWhatItWasIssuedFor(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a := lasting(&now)
	keys := NewKey(now)
	require.NoError(t, a.SetKeys([]byte(keys)))
	end := now.Add(time.Hour).Truncate(time.Second)
	for name, g := range map[string]Grant{
		"job:bert-17":   {Scope: Write, Bound: Bound{Job: "bert-17"}, Expires: end},
		"prefix:bert-":  {Scope: Admin, Bound: Bound{Prefix: "bert-"}, Expires: end},
		"owner:Ada é\"": {Scope: Read, Bound: Bound{Owner: "Ada é\""}, Expires: end},
		"share:bert-17": {Scope: Read, Bound: Bound{Job: "bert-17"}, Expires: end, Share: true},
	} {
		token := issued(t, keys, g)
		for range 2 { // the second time it is remembered
			c, err := a.Check(t.Context(), token)
			require.NoError(t, err)
			require.Equal(t, name, c.Name)
			require.Equal(t, g.Scope, c.Scope)
			require.Equal(t, g.Bound, c.Bound)
			require.True(t, end.Equal(c.Expires))
		}
		now = end
		_, err := a.Check(t.Context(), token)
		require.ErrorIs(t, err, ErrExpired)
		_, err = a.Check(t.Context(), token)
		require.ErrorIs(t, err, ErrExpired)
		now = end.Add(-time.Hour)
	}
}

func TestWhatCannotBeIssued(t *testing.T) {
	t.Parallel()
	keys := []byte(NewKey(time.Now()))
	end := time.Now().Add(time.Hour)
	for complaint, g := range map[string]Grant{
		"must be for one job":   {Scope: Admin, Expires: end},
		"come to an end":        {Scope: Write, Bound: Bound{Job: "a"}},
		"only one of":           {Scope: Write, Bound: Bound{Job: "a", Owner: "b"}, Expires: end},
		"request_id":            {Scope: Write, Bound: Bound{Prefix: "a/b"}, Expires: end},
		"shares one job":        {Scope: Write, Bound: Bound{Job: "a"}, Expires: end, Share: true},
		"a link shares one job": {Scope: Read, Bound: Bound{Owner: "a"}, Expires: end, Share: true},
	} {
		_, err := Issue(keys, g, time.Now())
		require.ErrorContains(t, err, complaint)
	}
}

func TestKeysAreExchangedWithoutAGap(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a := lasting(&now)
	first, second := NewKey(now), NewKey(now)
	g := Grant{Scope: Write, Bound: Bound{Job: "a"}, Expires: now.Add(time.Hour)}
	require.NoError(t, a.SetKeys([]byte(first)))
	old := issued(t, first, g)
	before, err := a.Check(t.Context(), old)
	require.NoError(t, err)

	both := "# the new one signs\n" + second + "\n" + first + "\n"
	require.NoError(t, a.SetKeys([]byte(both)))
	young := issued(t, both, g)
	for _, token := range []string{old, young} {
		_, err = a.Check(t.Context(), token)
		require.NoError(t, err)
	}
	require.True(t, before.Valid(now))

	require.NoError(t, a.SetKeys([]byte(second)))
	_, err = a.Check(t.Context(), old)
	require.ErrorIs(t, err, ErrInvalid)
	require.False(t, before.Valid(now))
	_, err = a.Check(t.Context(), young)
	require.NoError(t, err)

	id, _, _ := strings.Cut(second, " ")
	_, secret, _ := strings.Cut(first, " ")
	require.NoError(t, a.SetKeys([]byte(id+" "+secret)))
	_, err = a.Check(t.Context(), young)
	require.ErrorIs(t, err, ErrInvalid, "another secret of the same id")
}

func TestKeyFilesThatAreNoGoodChangeNothingAndTellNoSecret(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a := lasting(&now)
	keys := NewKey(now)
	require.NoError(t, a.SetKeys([]byte(keys)))
	_, secret, _ := strings.Cut(keys, " ")
	for file, complaint := range map[string]string{
		"":                              "no key",
		"# nothing":                     "no key",
		"alone":                         "line 1: it must be an id and a secret",
		"a " + secret + " b":            "line 1: it must be",
		"a " + secret[:20]:              "shorter than 32 bytes",
		"a " + secret + "=":             "not base64url",
		"a " + secret + "\na " + secret: "line 2: the id a is there twice",
	} {
		err := a.SetKeys([]byte(file))
		require.ErrorContains(t, err, complaint)
		require.NotContains(t, err.Error(), secret[:20])
		_, err = Issue([]byte(file), Grant{}, now)
		require.Error(t, err)
	}
	_, err := a.Check(t.Context(), issued(t, keys, Grant{Scope: Read, Bound: Bound{Job: "a"}, Expires: now.Add(time.Hour)}))
	require.NoError(t, err)
}

func TestForgeriesAreNotBelieved(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a := lasting(&now)
	keys := NewKey(now)
	require.NoError(t, a.SetKeys([]byte(keys)))
	id, text, _ := strings.Cut(keys, " ")
	secret, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	end := jwt.NewNumericDate(now.Add(time.Hour))
	sign := func(algorithm jose.SignatureAlgorithm, secret []byte, kid string, c any) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: secret},
			new(jose.SignerOptions).WithType(ours).WithHeader("kid", kid))
		require.NoError(t, err)
		token, err := jwt.Signed(signer).Claims(c).Serialize()
		require.NoError(t, err)
		return token
	}
	said := claims{Issuer: issuer, Expires: end, Scope: "write", Bound: Bound{Job: "a"}}
	good := sign(jose.HS256, secret, id, said)
	_, err = a.Check(t.Context(), good)
	require.NoError(t, err)
	parts := strings.Split(good, ".")
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	change := func(f func(c *claims)) string {
		c := said
		f(&c)
		return sign(jose.HS256, secret, id, c)
	}
	for what, token := range map[string]string{
		"another key of that id":    sign(jose.HS256, make([]byte, 32), id, said),
		"an id that is none":        sign(jose.HS256, secret, "other", said),
		"another algorithm":         sign(jose.HS512, append(secret, secret...), id, said),
		"no signature":              parts[0] + "." + parts[1] + ".",
		"no algorithm":              header(`{"alg":"none","typ":"statusd+jwt","kid":"`+id+`"}`) + "." + parts[1] + ".",
		"another payload":           parts[0] + "." + header(`{"iss":"statusd","exp":99999999999,"scope":"admin","job":"a"}`) + "." + parts[2],
		"another issuer":            change(func(c *claims) { c.Issuer = "else" }),
		"no end":                    change(func(c *claims) { c.Expires = nil }),
		"no bound":                  change(func(c *claims) { c.Bound = Bound{} }),
		"two bounds":                change(func(c *claims) { c.Bound.Owner = "b" }),
		"no scope":                  change(func(c *claims) { c.Scope = "" }),
		"a scope that is none":      change(func(c *claims) { c.Scope = "admin write" }),
		"a share that is too much":  change(func(c *claims) { c.Share = true }),
		"two headers":               good + "." + parts[2],
		"a type of somebody else's": header(`{"alg":"HS256","typ":"JWT","kid":"`+id+`"}`) + "." + parts[1] + "." + parts[2],
	} {
		_, err = a.Check(t.Context(), token)
		require.ErrorIs(t, err, ErrInvalid, what)
	}
}
