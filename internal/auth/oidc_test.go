package auth

import (
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/oidctest"
)

// accepting is an Authenticator that accepts the tokens of a provider.
func accepting(p *oidctest.Provider, audience, owner string) *Authenticator {
	return New(&ProviderConfig{Issuer: p.Issuer, Audience: audience, OwnerClaim: owner, ScopeClaim: "scope"})
}

// counting counts requests by path.
type counting struct {
	http.RoundTripper
	mu    sync.Mutex
	paths map[string]int
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.paths[r.URL.Path]++
	c.mu.Unlock()
	return c.RoundTripper.RoundTrip(r)
}

func (c *counting) count(path string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paths[path]
}

func TestPeopleComeWithTheTokensOfTheirProvider(t *testing.T) {
	t.Parallel()
	p := oidctest.Start(t, time.Hour)
	a := accepting(p, oidctest.Audience, "sub")
	requests := &counting{RoundTripper: a.provider.client.Transport, paths: make(map[string]int)}
	a.provider.client.Transport = requests

	access, id := p.SignIn("alice")
	c, err := a.Check(t.Context(), access)
	require.NoError(t, err)
	require.Equal(t, "user:alice", c.Name)
	require.Equal(t, Read, c.Scope)
	require.Equal(t, Bound{Owner: "alice"}, c.Bound)
	require.WithinDuration(t, time.Now().Add(time.Hour), c.Expires, time.Minute)
	_, err = a.Check(t.Context(), id)
	require.ErrorIs(t, err, ErrInvalid, "that is for the front end")

	access, _ = p.SignIn("bob", "statusd:read", "statusd:write")
	c, err = a.Check(t.Context(), access)
	require.NoError(t, err)
	require.Equal(t, Write, c.Scope)
	require.Equal(t, Bound{Owner: "bob"}, c.Bound)
	access, _ = p.SignIn("carol", "statusd:admin")
	c, err = a.Check(t.Context(), access)
	require.NoError(t, err)
	require.Equal(t, Admin, c.Scope)
	require.True(t, c.Bound.None(), "an administrator sees the jobs of all")
	require.Equal(t, "user:carol", c.Name)
	require.Equal(t, 1, requests.count("/.well-known/openid-configuration"))
	require.Equal(t, 1, requests.count("/jwks"), "keys are kept")
}

func TestOwnersAndScopesAreInTheClaimsThatAreNamed(t *testing.T) {
	t.Parallel()
	p := oidctest.Start(t, time.Hour)
	access, id := p.SignIn("alice")
	c, err := accepting(p, oidctest.ClientID, "email").Check(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, Bound{Owner: "alice@example.com"}, c.Bound)
	c, err = accepting(p, oidctest.Audience, "realm.owners").Check(t.Context(), access)
	require.NoError(t, err)
	require.Equal(t, Bound{Owner: "alice"}, c.Bound)
	_, err = accepting(p, oidctest.Audience, "department").Check(t.Context(), access)
	require.ErrorIs(t, err, ErrInvalid)
	require.ErrorContains(t, err, "claim department names no owner", "the log tells")
	_, id = p.SignIn("unverified")
	_, err = accepting(p, oidctest.ClientID, "email").Check(t.Context(), id)
	require.ErrorIs(t, err, ErrInvalid, "anybody can say that an address is theirs")
	_, id = p.SignIn("eve")
	other := oidctest.Start(t, time.Hour)
	_, err = accepting(other, oidctest.ClientID, "sub").Check(t.Context(), id)
	require.ErrorIs(t, err, ErrInvalid, "of another provider")
}

func TestScopesAreReadFromATextAndFromAList(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"openid", "statusd:read"}, words("openid  statusd:read"))
	require.Equal(t, []string{"a", "b"}, words([]any{"a", 7, "b"}))
	require.Empty(t, words(nil))
	said := map[string]any{"a": map[string]any{"b.c": "1", "d": map[string]any{"e": "2"}}, "a.d": "3"}
	require.Equal(t, "1", claim(said, "a.b.c"))
	require.Equal(t, "2", claim(map[string]any{"a": said["a"]}, "a.d.e"))
	require.Equal(t, "3", claim(said, "a.d"), "the name itself comes first")
	require.Nil(t, claim(said, "a.x"))
	require.Nil(t, claim(said, "x.y"))
}

func TestATokenOfTheProviderEnds(t *testing.T) {
	t.Parallel()
	p := oidctest.Start(t, 2*time.Second)
	a := accepting(p, oidctest.Audience, "sub")
	access, _ := p.SignIn("alice")
	c, err := a.Check(t.Context(), access)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !c.Valid(time.Now()) }, 10*time.Second, 10*time.Millisecond)
	for _, who := range []*Authenticator{a, accepting(p, oidctest.Audience, "sub")} {
		_, err = who.Check(t.Context(), access)
		require.ErrorIs(t, err, ErrExpired)
	}
}

func TestKeysOfTheProviderAreExchanged(t *testing.T) {
	t.Parallel()
	p := oidctest.Start(t, time.Hour)
	a := accepting(p, oidctest.Audience, "sub")
	before, _ := p.SignIn("alice")
	_, err := a.Check(t.Context(), before)
	require.NoError(t, err)
	another, _ := p.SignIn("bob")
	p.Rotate(true)
	after, _ := p.SignIn("carol")
	for _, token := range []string{after, another, before} {
		_, err = a.Check(t.Context(), token)
		require.NoError(t, err)
	}
	p.Rotate(false)
	late, _ := p.SignIn("dave")
	_, err = a.Check(t.Context(), late)
	require.NoError(t, err)
	_, err = accepting(p, oidctest.Audience, "sub").Check(t.Context(), before)
	require.ErrorIs(t, err, ErrInvalid, "its key was taken back")
}

func TestAProviderThatIsAwayKeepsNobodyOutWhoseKeyIsKnown(t *testing.T) {
	t.Parallel()
	p := oidctest.Start(t, time.Hour)
	first, _ := p.SignIn("alice")
	second, _ := p.SignIn("bob")
	a := accepting(p, oidctest.Audience, "sub")
	p.Stop()
	_, err := a.Check(t.Context(), first)
	require.ErrorIs(t, err, ErrUnavailable, "nothing is known of it yet")
	p.Resume()
	require.Eventually(t, func() bool { _, err = a.Check(t.Context(), first); return err == nil }, 20*time.Second, 100*time.Millisecond)

	p.Stop()
	_, err = a.Check(t.Context(), second)
	require.NoError(t, err)
	forged := strings.Split(second, ".")
	forged[0] = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"at+jwt","kid":"new"}`))
	_, err = a.Check(t.Context(), strings.Join(forged, "."))
	require.ErrorIs(t, err, ErrUnavailable, "nobody knows that key, or that there is none")
	a.provider.mu.Lock()
	a.provider.since = time.Now().Add(-2 * providerAge)
	a.provider.mu.Unlock()
	_, err = a.Check(t.Context(), first)
	require.NoError(t, err, "what is old holds while nothing new can be had")
}

func TestMadeUpKeysAreAskedForSeldom(t *testing.T) {
	t.Parallel()
	p := oidctest.Start(t, time.Hour)
	a := accepting(p, oidctest.Audience, "sub")
	good, _ := p.SignIn("alice")
	_, err := a.Check(t.Context(), good)
	require.NoError(t, err)
	limited := a.provider.client.Transport.(*seldom)
	parts := strings.Split(good, ".")
	for n := range 200 {
		parts[0] = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"` + strings.Repeat("k", n+1) + `"}`))
		_, err = a.Check(t.Context(), strings.Join(parts, "."))
		require.Error(t, err)
	}
	require.Less(t, limited.limit.Tokens(), 1.0, "the rest was not asked for")
	other, _ := p.SignIn("bob")
	_, err = a.Check(t.Context(), other)
	require.NoError(t, err, "those whose key is known are served")
	for _, none := range []string{"none", "HS256"} {
		parts[0] = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + none + `"}`))
		_, err = a.Check(t.Context(), parts[0]+"."+parts[1]+".")
		require.ErrorIs(t, err, ErrInvalid)
	}
}
