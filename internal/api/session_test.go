package api

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/auth"
)

// signedIn signs in and returns the cookie as a header.
func (s *service) signedIn(token string, headers ...string) (cookie *http.Cookie, header []string) {
	s.t.Helper()
	a := s.do(http.MethodPost, "/session", "", append(by(token), headers...)...)
	require.Equal(s.t, http.StatusOK, a.status, a.body)
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	require.NoError(s.t, err)
	return cookie, []string{"Cookie", cookie.Name + "=" + cookie.Value}
}

func TestASignInKeepsTheCredentialInACookieThatNoScriptReads(t *testing.T) {
	t.Parallel()
	s, i := guarded(t)
	end := time.Now().Add(time.Hour)
	cookie, alice := s.signedIn(i.until(auth.Write, auth.Bound{Owner: "alice"}, end))
	require.Equal(t, "statusd", cookie.Name)
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	require.Equal(t, "/", cookie.Path)
	require.False(t, cookie.Secure, "there is no TLS here")
	require.InDelta(t, 3600, cookie.MaxAge, 5)

	a := s.get("/session", alice...)
	require.Equal(t, "owner:alice", a.json("name"))
	require.Equal(t, "write", a.json("scope"))
	require.Equal(t, "alice", a.json("owner"))
	require.Equal(t, end.UTC().Format(time.RFC3339), a.json("expires_at"))
	report := append(alice, "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusCreated, s.do(http.MethodPost, "/status/a", "status=started", report...).status)
	require.Equal(t, http.StatusOK, s.get("/status/a", alice...).status)
	require.Equal(t, "200, the job", s.streamed("/status/a/events", alice))

	forever, _ := s.signedIn(i.free("root", auth.Admin))
	require.Equal(t, int(signedInMost.Seconds()), forever.MaxAge)
	out := s.do(http.MethodDelete, "/session", "", alice...)
	require.Equal(t, http.StatusNoContent, out.status)
	gone, err := http.ParseSetCookie(out.header.Get("Set-Cookie"))
	require.NoError(t, err)
	require.Equal(t, "statusd", gone.Name)
	require.Negative(t, gone.MaxAge)
}

func TestASignInTakesTheHeader(t *testing.T) {
	t.Parallel()
	s, i := guarded(t)
	_, alice := s.signedIn(i.bound(auth.Write, auth.Bound{Owner: "alice"}))
	s.do(http.MethodPost, "/session", "", alice...).isProblem(http.StatusUnauthorized, unauthenticated)
	s.do(http.MethodPost, "/session", "").isProblem(http.StatusUnauthorized, unauthenticated)
	a := s.do(http.MethodPost, "/session", "", by("wrong")...)
	a.isProblem(http.StatusUnauthorized, invalidToken)
	require.Empty(t, a.header.Get("Set-Cookie"))
	s.get("/status/a", append(alice, by("wrong")...)...).isProblem(http.StatusUnauthorized, invalidToken)
	s.get("/session?token=x", alice...).isProblem(http.StatusBadRequest, invalidQuery)

	long := i.bound(auth.Read, auth.Bound{Owner: strings.Repeat("\U0001F600", 64)})
	require.Less(t, len(long), cookieMost)
	s.signedIn(long)
	s = start(t, func(c *Config) { c.Auth = everything{} })
	s.do(http.MethodPost, "/session", "", by(strings.Repeat("t", cookieMost))...).isProblem(http.StatusRequestEntityTooLarge, tooLarge)
}

func TestPagesOfOtherSitesCannotUseASignIn(t *testing.T) {
	t.Parallel()
	s, i := guarded(t)
	_, alice := s.signedIn(i.bound(auth.Admin, auth.Bound{Owner: "alice"}))
	report := append(alice, "Content-Type", "application/x-www-form-urlencoded")
	for _, other := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
		s.do(http.MethodPost, "/status/a", "status=started", append(report, other...)...).isProblem(http.StatusForbidden, crossOrigin)
		s.do(http.MethodDelete, "/status/a", "", append(alice, other...)...).isProblem(http.StatusForbidden, crossOrigin)
		s.do(http.MethodDelete, "/session", "", append(alice, other...)...).isProblem(http.StatusForbidden, crossOrigin)
	}
	require.Equal(t, http.StatusCreated, s.do(http.MethodPost, "/status/a", "status=started", append(report, "Sec-Fetch-Site", "same-origin")...).status)
}

func TestWithoutCredentialsToAskForEverybodyIsSignedIn(t *testing.T) {
	t.Parallel()
	s := start(t)
	a := s.get("/session")
	require.Equal(t, true, a.json("open"))
	require.Equal(t, "admin", a.json("scope"))
	a = s.do(http.MethodPost, "/session", "", by("whatever")...)
	require.Equal(t, http.StatusOK, a.status)
	require.Empty(t, a.header.Get("Set-Cookie"))
	require.Equal(t, http.StatusNotFound, s.get("/status/a", by("whatever")...).status)
}

func TestBehindAProxyTheCookieIsForTLSIfTheProxySaysSo(t *testing.T) {
	t.Parallel()
	s, i := guarded(t, func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	cookie, alice := s.signedIn(i.bound(auth.Read, auth.Bound{Owner: "alice"}), "X-Forwarded-Proto", "https")
	require.Equal(t, "__Host-statusd", cookie.Name)
	require.True(t, cookie.Secure)
	s.get("/session", alice...).isProblem(http.StatusUnauthorized, unauthenticated)
	require.Equal(t, http.StatusOK, s.get("/session", append(alice, "X-Forwarded-Proto", "https")...).status)

	untrusting, i := guarded(t)
	cookie, _ = untrusting.signedIn(i.bound(auth.Read, auth.Bound{Owner: "alice"}), "X-Forwarded-Proto", "https")
	require.False(t, cookie.Secure, "anybody can say that")
}

func TestABrowserGetsThePageWithItsRefusal(t *testing.T) {
	t.Parallel()
	s, _ := guarded(t)
	for _, path := range []string{"/", "/jobs/a"} {
		a := s.get(path, "Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		require.Equal(t, http.StatusUnauthorized, a.status)
		require.Equal(t, "text/html; charset=utf-8", a.header.Get("Content-Type"))
		require.Equal(t, "no-store", a.header.Get("Cache-Control"))
		require.NotEmpty(t, a.header.Get("Content-Security-Policy"))
		require.Contains(t, a.body, "<!doctype html>")
		s.get(path).isProblem(http.StatusUnauthorized, unauthenticated)
	}
}
