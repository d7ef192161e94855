package web_test

import (
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// fetch returns the header and the body of an answer.
func fetch(t *testing.T, method, url string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, answer.Header, string(body)
}

var named = regexp.MustCompile(`(?:assets/|\./)(?:([0-9a-f]{16})/)?([\w-]+\.(?:js|css|svg))`)

func TestThePagesAreSmallAndKeptByTheBrowser(t *testing.T) {
	t.Parallel()
	s := start(t)
	total := 0
	seen := make(map[string]bool)
	var digest string
	var load func(path string)
	load = func(path string) {
		if seen[path] {
			return
		}
		seen[path] = true
		status, header, body := fetch(t, http.MethodGet, s.url+path)
		require.Equal(t, http.StatusOK, status, path)
		total += len(body)
		if path == "/" || path == "/jobs/a" {
			require.Equal(t, "no-cache", header.Get("Cache-Control"))
			policy := header.Get("Content-Security-Policy")
			require.Contains(t, policy, "default-src 'none'")
			require.NotContains(t, policy, "unsafe")
			again, _, _ := fetch(t, http.MethodGet, s.url+path, "If-None-Match", header.Get("Etag"))
			require.Equal(t, http.StatusNotModified, again)
		} else {
			require.Equal(t, "public, max-age=31536000, immutable", header.Get("Cache-Control"), path)
		}
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		for _, match := range named.FindAllStringSubmatch(body, -1) {
			if match[1] != "" {
				digest = match[1]
			}
			load("/assets/" + digest + "/" + match[2])
		}
	}
	load("/")
	load("/jobs/a")
	for _, state := range []string{"waiting", "running", "stalled", "late", "stale", "success", "fail", "cancelled", "board"} {
		load("/assets/" + digest + "/icon-" + state + ".svg")
	}
	require.Less(t, total, 60_000)
	require.Greater(t, len(seen), 12)

	// A page of another version, as replicas are replaced one by one.
	status, header, _ := fetch(t, http.MethodGet, s.url+"/assets/0123456789abcdef/style.css")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "no-cache", header.Get("Cache-Control"))
	for _, path := range []string{"/assets/" + digest + "/nothing.js", "/assets/" + digest + "/job.html", "/assets/" + digest, "/assets/x/..%2fweb.go"} {
		status, _, _ := fetch(t, http.MethodGet, s.url+path)
		require.Equal(t, http.StatusNotFound, status, path)
	}
	status, header, body := fetch(t, http.MethodHead, s.url+"/")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "text/html; charset=utf-8", header.Get("Content-Type"))
	require.Empty(t, body)
}
