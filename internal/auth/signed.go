package auth

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	// ours marks the tokens that we sign, in their header.
	ours = "statusd+jwt"
	// issuer says so as well, where it is signed.
	issuer = "statusd"
	// keyBytes is the least length of a key: as long as what HS256 makes of it.
	// https://www.rfc-editor.org/rfc/rfc7518#section-3.2
	keyBytes = 32
)

// key signs tokens, and proves that we did.
type key struct {
	id      string
	secret  []byte
	revoked atomic.Bool
}

// keyID is what can be in the header of a token as it is.
var keyID = regexp.MustCompile("^[!-~]{1,64}$")

// keys are those of the file in force. The first one signs.
type keys []*key

// NewKey makes a line for the file of keys.
func NewKey(now time.Time) string {
	secret := make([]byte, keyBytes)
	_, _ = rand.Read(secret) // never fails, says its documentation
	return now.UTC().Format("2006-01-02") + "-" + rand.Text()[:6] + " " + base64.RawURLEncoding.EncodeToString(secret)
}

// parseKeys reads a file of keys: an id and a secret in each line, the secret
// in base64url; lines that are empty, or begin with #, say nothing.
func parseKeys(file []byte) (keys, error) {
	var all keys
	var faults []error
	number := 0
	for line := range bytes.Lines(file) {
		number++
		words := bytes.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		complain := func(what string) { faults = append(faults, fmt.Errorf("line %d: %s", number, what)) }
		if len(words) != 2 {
			complain("it must be an id and a secret")
			continue
		}
		id := string(words[0])
		secret, err := base64.RawURLEncoding.DecodeString(string(words[1]))
		switch {
		case !keyID.MatchString(id):
			complain("the id must be 1 to 64 printable characters of ASCII")
		case err != nil:
			complain("the secret is not base64url without padding") // and is not told
		case len(secret) < keyBytes:
			complain(fmt.Sprintf("the secret is shorter than %d bytes", keyBytes))
		case all.find(id) != nil:
			complain("the id " + id + " is there twice")
		default:
			all = append(all, &key{id: id, secret: secret})
		}
	}
	if len(all) == 0 && faults == nil {
		faults = append(faults, errors.New("there is no key in it"))
	}
	return all, errors.Join(faults...)
}

func (k keys) find(id string) *key {
	for _, one := range k {
		if one.id == id {
			return one
		}
	}
	return nil
}

// SetKeys has tokens accepted that a key of this file has signed. What is wrong
// with the file leaves those of before in force.
func (a *Authenticator) SetKeys(file []byte) error {
	next, err := parseKeys(file)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, before := range a.keys {
		same := next.find(before.id)
		if same == nil || !bytes.Equal(same.secret, before.secret) {
			before.revoked.Store(true)
			continue
		}
		for i := range next {
			if next[i] == same {
				next[i] = before // what it has signed stays good
			}
		}
	}
	a.keys = next
	return nil
}

// claims are what a token of ours says.
// https://www.rfc-editor.org/rfc/rfc7519#section-4.1
type claims struct {
	Issuer   string           `json:"iss"`
	IssuedAt *jwt.NumericDate `json:"iat"`
	Expires  *jwt.NumericDate `json:"exp"`
	Scope    string           `json:"scope"`
	Share    bool             `json:"share,omitempty"`
	Bound
}

// Grant is what a token is issued for. It has a bound, and an end.
type Grant struct {
	Scope   Scope
	Bound   Bound
	Expires time.Time
	Share   bool // in a link, for whoever has it: one job, to read
}

// validate tells what a token can't be issued for.
func (g Grant) validate() error {
	switch {
	case g.Bound.None():
		return errors.New("it must be for one job, prefix or owner")
	case g.Expires.IsZero():
		return errors.New("it must come to an end")
	case g.Share && (g.Bound.Job == "" || g.Scope != Read):
		return errors.New("a link shares one job, to read")
	}
	return g.Bound.validate()
}

// name is who is held to account for what is done with it.
func (g Grant) name() string {
	if g.Share {
		return "share:" + g.Bound.Job
	}
	return g.Bound.String()
}

// Issue signs a token with the first key of a file of keys.
func Issue(file []byte, g Grant, now time.Time) (string, error) {
	all, err := parseKeys(file)
	if err != nil {
		return "", err
	}
	if err := g.validate(); err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.HS256, Key: all[0].secret},
		new(jose.SignerOptions).WithType(ours).WithHeader("kid", all[0].id),
	)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims{
		Issuer: issuer, IssuedAt: jwt.NewNumericDate(now), Expires: jwt.NewNumericDate(g.Expires),
		Scope: g.Scope.String(), Share: g.Share, Bound: g.Bound,
	}).Serialize()
}

// signed checks a token that says that it is ours.
func (a *Authenticator) signed(token string) (*Credential, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return nil, ErrInvalid
	}
	a.mu.RLock()
	k := a.keys.find(parsed.Headers[0].KeyID)
	a.mu.RUnlock()
	var c claims
	if k == nil || parsed.Claims(k.secret, &c) != nil || c.Issuer != issuer || c.Expires == nil {
		return nil, ErrInvalid
	}
	scope, err := ParseScope(c.Scope)
	if err != nil {
		return nil, ErrInvalid
	}
	g := Grant{scope, c.Bound, c.Expires.Time(), c.Share}
	if g.validate() != nil {
		return nil, ErrInvalid
	}
	return &Credential{Name: g.name(), Scope: scope, Bound: g.Bound, Expires: g.Expires, revoked: &k.revoked}, nil
}
