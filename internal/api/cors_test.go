package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/auth"
)

// preflight is what a browser asks before it lets a page of another site do
// something.
func (s *service) preflight(origin, method, headers string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodOptions, s.url+"/status/a", nil)
	require.NoError(s.t, err)
	r.Header.Set("Origin", origin)
	r.Header.Set("Access-Control-Request-Method", method)
	r.Header.Set("Access-Control-Request-Headers", headers)
	answer, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(s.t, err)
	answer.Body.Close()
	return answer
}

func TestPagesOfANamedOriginMayUseTheService(t *testing.T) {
	t.Parallel()
	const friend, stranger = "https://jobs.example.com", "https://evil.example.com"
	s, i := guarded(t, func(c *Config) { c.AllowedOrigins = []string{friend} })
	answer := s.preflight(friend, http.MethodPost, "authorization,content-type")
	require.Equal(t, http.StatusNoContent, answer.StatusCode)
	require.Equal(t, friend, answer.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "true", answer.Header.Get("Access-Control-Allow-Credentials"))
	require.Equal(t, "authorization,content-type", answer.Header.Get("Access-Control-Allow-Headers"))
	require.Equal(t, http.MethodPost, answer.Header.Get("Access-Control-Allow-Methods"))
	require.NotEmpty(t, answer.Header.Get("Access-Control-Max-Age"))
	require.Empty(t, s.preflight(stranger, http.MethodPost, "authorization").Header.Get("Access-Control-Allow-Origin"))

	worker := form(i.bound(auth.Write, auth.Bound{Owner: "alice"}))
	a := s.do(http.MethodPost, "/status/a", "status=started", append(worker, "Origin", friend, "Sec-Fetch-Site", "cross-site")...)
	require.Equal(t, http.StatusCreated, a.status)
	require.Equal(t, friend, a.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, a.header.Get("Access-Control-Expose-Headers"), "Etag")
	require.Equal(t, []string{"Origin, Accept"}, a.header.Values("Vary"))
	a = s.get("/status/a", append(worker, "Origin", stranger)...)
	require.Empty(t, a.header.Get("Access-Control-Allow-Origin"))

	_, cookie := s.signedIn(i.bound(auth.Write, auth.Bound{Owner: "alice"}))
	cookie = append(cookie, "Content-Type", "application/x-www-form-urlencoded")
	a = s.do(http.MethodPost, "/status/a", "status=in-progress", append(cookie, "Origin", friend, "Sec-Fetch-Site", "same-site")...)
	require.Equal(t, http.StatusOK, a.status)
	s.do(http.MethodPost, "/status/a", "status=in-progress", append(cookie, "Origin", stranger, "Sec-Fetch-Site", "same-site")...).
		isProblem(http.StatusForbidden, crossOrigin)
}

func TestAnyOriginMayComeButWithoutCookies(t *testing.T) {
	t.Parallel()
	s, i := guarded(t, func(c *Config) { c.AllowedOrigins = []string{"*"} })
	answer := s.preflight("https://any.example.com", http.MethodDelete, "authorization")
	require.Equal(t, "*", answer.Header.Get("Access-Control-Allow-Origin"))
	require.Empty(t, answer.Header.Get("Access-Control-Allow-Credentials"))
	worker := form(i.bound(auth.Write, auth.Bound{Job: "a"}))
	other := []string{"Origin", "https://any.example.com", "Sec-Fetch-Site", "cross-site"}
	require.Equal(t, http.StatusCreated, s.do(http.MethodPost, "/status/a", "status=started", append(worker, other...)...).status)
	_, cookie := s.signedIn(i.bound(auth.Write, auth.Bound{Job: "a"}))
	s.do(http.MethodPost, "/status/a", "status=started", append(cookie, other...)...).isProblem(http.StatusForbidden, crossOrigin)
}
