package oidctest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// parts reads a token, its signature aside.
func parts(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	three := strings.Split(token, ".")
	require.Len(t, three, 3, token)
	for n, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(three[n])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, into))
		t.Logf("%s", text)
	}
	return header, claims
}

// published is which keys the provider publishes.
func published(t *testing.T, p *Provider) (ids []any) {
	t.Helper()
	answer, err := http.Get(p.Issuer + "/jwks")
	require.NoError(t, err)
	var set struct{ Keys []map[string]any }
	require.NoError(t, json.Unmarshal([]byte(read(t, answer)), &set))
	for _, key := range set.Keys {
		require.NotContains(t, key, "d", "that is the private half")
		ids = append(ids, key["kid"])
	}
	return ids
}

func TestTokensSayWhoSignedIn(t *testing.T) {
	t.Parallel()
	p := Start(t, time.Minute)
	access, id := p.SignIn("alice", "statusd:read", "statusd:write", "groups")

	header, claims := parts(t, access)
	require.Equal(t, "RS256", header["alg"])
	require.Equal(t, "at+jwt", header["typ"])
	require.Equal(t, published(t, p), []any{header["kid"]})
	require.Equal(t, p.Issuer, claims["iss"])
	require.Equal(t, Audience, claims["aud"])
	require.Equal(t, "alice", claims["sub"])
	require.Equal(t, ClientID, claims["client_id"])
	require.Equal(t, "statusd:read statusd:write", claims["scope"])
	require.Equal(t, map[string]any{"owners": "alice"}, claims["realm"])
	require.Equal(t, 60.0, claims["exp"].(float64)-claims["iat"].(float64))

	idHeader, claims := parts(t, id)
	require.Equal(t, header["kid"], idHeader["kid"])
	require.Equal(t, p.Issuer, claims["iss"])
	require.Equal(t, ClientID, claims["aud"])
	require.Equal(t, "alice", claims["sub"])
	require.Equal(t, "alice@example.com", claims["email"])
	require.Equal(t, true, claims["email_verified"])
	require.Equal(t, []any{"people", "of-alice"}, claims["groups"])
	require.Equal(t, 60.0, claims["exp"].(float64)-claims["iat"].(float64))
}

func TestTokensSayNoMoreThanWasAskedFor(t *testing.T) {
	t.Parallel()
	p := Start(t, time.Hour)
	access, id := p.SignIn("unverified-bob")
	_, claims := parts(t, access)
	require.NotContains(t, claims, "scope")
	_, claims = parts(t, id)
	require.Equal(t, false, claims["email_verified"])
	require.NotContains(t, claims, "groups")
}

func TestAProgramGetsATokenForItself(t *testing.T) {
	t.Parallel()
	p := Start(t, time.Minute)
	_, claims := parts(t, p.ServiceToken("statusd:write"))
	require.Equal(t, p.Issuer, claims["iss"])
	require.Equal(t, Audience, claims["aud"])
	require.Equal(t, ClientID, claims["sub"])
	require.Equal(t, "statusd:write", claims["scope"])
	require.NotContains(t, claims, "realm")
	require.Equal(t, 60.0, claims["exp"].(float64)-claims["iat"].(float64))
}

func TestKeysChangeAndOldOnesAreKeptOrNot(t *testing.T) {
	t.Parallel()
	p := Start(t, time.Hour)
	issuer := p.Issuer
	signer := func() any {
		header, _ := parts(t, p.ServiceToken())
		return header["kid"]
	}
	first := signer()
	p.Rotate(true)
	second := signer()
	require.NotEqual(t, first, second)
	require.Equal(t, []any{second, first}, published(t, p))
	p.Rotate(false)
	third := signer()
	require.Equal(t, []any{third}, published(t, p))
	require.NotContains(t, []any{first, second}, third)
	require.Equal(t, issuer, p.Issuer)
}

func TestAProviderIsAwayAndComesBackWhereItWas(t *testing.T) {
	t.Parallel()
	p := Start(t, time.Hour)
	before := published(t, p)
	p.Stop()
	p.Stop()
	_, err := http.Get(p.Issuer + "/jwks")
	require.Error(t, err)
	p.Resume()
	require.Equal(t, before, published(t, p))
}

func TestRequestsAreCountedWhateverBecomesOfTheProvider(t *testing.T) {
	t.Parallel()
	p := Start(t, time.Hour)
	require.Empty(t, p.Requests())
	published(t, p)
	published(t, p)
	p.ServiceToken()
	require.Equal(t, map[string]int{"/jwks": 2, "/token": 1}, p.Requests())
	p.Rotate(true)
	published(t, p)
	p.Stop()
	require.Equal(t, map[string]int{"/jwks": 3, "/token": 1}, p.Requests())
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		Start(b, time.Hour).Stop()
	}
}

func BenchmarkSignIn(b *testing.B) {
	p := Start(b, time.Hour)
	for b.Loop() {
		p.SignIn("alice", "statusd:write")
	}
}

func BenchmarkServiceToken(b *testing.B) {
	p := Start(b, time.Hour)
	for b.Loop() {
		p.ServiceToken("statusd:write")
	}
}
