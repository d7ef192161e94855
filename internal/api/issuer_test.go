package api

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/auth"
)

// guarded starts a service that asks for credentials, and returns what signs
// them.
func guarded(t testing.TB, options ...func(*Config)) (*service, *issuer) {
	t.Helper()
	i := newIssuer(t)
	return start(t, append(options, i.guard)...), i
}

// issuer makes credentials.
type issuer struct {
	t    testing.TB
	keys []byte
	file []byte // of tokens
	auth *auth.Authenticator
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	i := &issuer{t: t, keys: []byte(auth.NewKey(time.Now())), auth: auth.New(nil)}
	require.NoError(t, i.auth.SetKeys(i.keys))
	return i
}

// guard has a service ask for them.
func (i *issuer) guard(c *Config) { c.Auth = i.auth }

// bound signs a token for an hour.
func (i *issuer) bound(scope auth.Scope, bound auth.Bound) string {
	i.t.Helper()
	return i.until(scope, bound, time.Now().Add(time.Hour))
}

func (i *issuer) until(scope auth.Scope, bound auth.Bound, end time.Time) string {
	i.t.Helper()
	token, err := auth.Issue(i.keys, auth.Grant{Scope: scope, Bound: bound, Expires: end}, time.Now())
	require.NoError(i.t, err)
	return token
}

// free makes a token for all jobs, which the file names.
func (i *issuer) free(name string, scope auth.Scope) string {
	i.t.Helper()
	token, line, err := auth.NewToken(auth.TokenLine{Name: name, Scope: scope.String()})
	require.NoError(i.t, err)
	i.file = fmt.Appendf(i.file, "{\"name\":%q,\"sha256\":%q,\"scope\":%q}\n", line.Name, line.SHA256, line.Scope)
	require.NoError(i.t, i.auth.SetTokens(i.file))
	return token
}

// by is the header of a credential.
func by(token string) []string { return []string{"Authorization", "Bearer " + token} }

// forged is a token whose signature was changed.
func forged(token string) string {
	last := strings.LastIndexByte(token, '.') + 1
	other := "A"
	if token[last] == 'A' {
		other = "B"
	}
	return token[:last] + other + token[last+1:]
}

// everything is what accepts any token.
type everything struct{}

func (everything) Check(context.Context, string) (*auth.Credential, error) {
	return &auth.Credential{Name: "anybody", Scope: auth.Admin}, nil
}
