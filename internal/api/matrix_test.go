package api

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/auth"
)

var update = flag.Bool("update", false, "write the table of who may do what anew")

// TestWhoMayDoWhat walks every route with every kind of credential. The job is
// alice's, and named team-job.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	s, i := guarded(t)
	root := i.free("root", auth.Admin)
	callers := []struct{ name, token string }{
		{"none", ""},
		{"wrong", "statusd_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		{"forged", forged(i.bound(auth.Admin, auth.Bound{Job: "team-job"}))},
		{"expired", i.until(auth.Admin, auth.Bound{Job: "team-job"}, time.Now().Add(-time.Minute))},
		{"other job", i.bound(auth.Write, auth.Bound{Job: "team-jo"})},
		{"other prefix", i.bound(auth.Write, auth.Bound{Prefix: "team-job-"})},
		{"other owner", i.bound(auth.Write, auth.Bound{Owner: "bob"})},
		{"share", i.bound(auth.Read, auth.Bound{Job: "team-job"})},
		{"worker", i.bound(auth.Write, auth.Bound{Job: "team-job"})},
		{"team", i.bound(auth.Write, auth.Bound{Prefix: "team-"})},
		{"owner", i.bound(auth.Read, auth.Bound{Owner: "alice"})},
		{"owner's admin", i.bound(auth.Admin, auth.Bound{Owner: "alice"})},
		{"read", i.free("viewer", auth.Read)},
		{"write", i.free("cluster", auth.Write)},
		{"admin", root},
	}
	requests := []string{
		"GET /", "GET /jobs/{request_id}", "GET /assets/{digest}/{file}",
		"GET /session", "POST /session", "DELETE /session",
		"GET /status", "GET /status?owner=alice", "GET /status?counts=running&limit=1", "GET /status?request_id={request_id}",
		"GET /status/{request_id}", "GET /status/{request_id}?wait=10ms&until=terminal", "GET /status/{request_id}/events",
		"POST /status/{request_id}", "POST /status/{request_id}/cancel", "DELETE /status/{request_id}",
		"GET /openapi.yaml", "GET /metrics", "GET /healthz", "GET /readyz",
	}
	missing := everyRoute(t)
	var table strings.Builder
	table.WriteString("Who may do what with the job team-job, which is alice's. Written by TestWhoMayDoWhat; -update writes it anew.\n\n|")
	for _, c := range callers {
		table.WriteString(" | " + c.name)
	}
	table.WriteString(" |\n|---|" + strings.Repeat("---|", len(callers)) + "\n")
	for _, request := range requests {
		method, target, _ := strings.Cut(request, " ")
		route, _, _ := strings.Cut(request, "?")
		missing = slices.DeleteFunc(missing, func(one string) bool { return one == route })
		table.WriteString("| " + request)
		for _, c := range callers {
			require.Equal(t, 2, s.do(http.MethodPost, "/status/team-job", "status=started&owner=alice", append(by(root),
				"Content-Type", "application/x-www-form-urlencoded")...).status/100)
			var headers []string
			if c.token != "" {
				headers = by(c.token)
			}
			table.WriteString(" | " + s.told(method, target, headers))
		}
		table.WriteString(" |\n")
	}
	require.Empty(t, missing, "routes that the table lacks")

	file := filepath.Join("testdata", "access.md")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(table.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), table.String())
}

// told is what the table says of a request.
func (s *service) told(method, target string, headers []string) string {
	s.t.Helper()
	target = strings.NewReplacer("{request_id}", "team-job", "{digest}", "any", "{file}", "style.css").Replace(target)
	body := ""
	if method == http.MethodPost && target != "/session" {
		body = "status=in-progress"
		if strings.HasSuffix(target, "/cancel") {
			body = "reason=wish"
		}
		headers = append(slices.Clone(headers), "Content-Type", "application/x-www-form-urlencoded")
	}
	if strings.HasSuffix(target, "/events") {
		return s.streamed(target, headers)
	}
	a := s.do(method, target, body, headers...)
	if a.status == http.StatusOK && strings.HasPrefix(target, "/status?") {
		return fmt.Sprintf("%d, %d jobs", a.status, len(a.json("items").([]any)))
	}
	if a.header.Get("Content-Type") == "application/problem+json" {
		if a.status == http.StatusUnauthorized {
			require.NotEmpty(s.t, a.header.Get("Www-Authenticate"))
		}
		return fmt.Sprintf("%d %s", a.status, a.json("code"))
	}
	return fmt.Sprint(a.status)
}

// streamed tells whether a stream has the job.
func (s *service) streamed(target string, headers []string) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+target, nil)
	require.NoError(s.t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Sprint(response.StatusCode)
	}
	first := make([]byte, 4096)
	n, err := response.Body.Read(first)
	require.NoError(s.t, err)
	if strings.Contains(string(first[:n]), "event: status") {
		return "200, the job"
	}
	require.NotContains(s.t, string(first[:n]), "team-job")
	return "200, silence"
}

// everyRoute lists them, but HEAD, which goes with GET.
func everyRoute(t *testing.T) (all []string) {
	t.Helper()
	s := newServer(Config{Metrics: newMetrics()})
	require.NoError(t, chi.Walk(s.routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method != http.MethodHead {
			all = append(all, method+" "+route)
		}
		return nil
	}))
	return all
}
