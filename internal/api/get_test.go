package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGetAnswersWithTheWholeRecord(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.posted("a", `{"status":"started","report_every":20,"owner":"me","metadata":{"k":"v"}}`)
	s.clock.advance(10 * time.Second)
	s.posted("a", `{"status":"in-progress","progress":"1/10 epochs"}`)
	s.clock.advance(10 * time.Second)
	s.posted("a", `{"status":"in-progress","progress":"2/10 epochs"}`)

	a := s.get("/status/a")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	require.Equal(t, "no-cache", a.header.Get("Cache-Control"))
	require.Equal(t, "Accept", a.header.Get("Vary"))
	require.Equal(t, "20", a.header.Get("Retry-After"))
	require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
	require.True(t, strings.HasSuffix(a.body, "}\n"), "a line end for those with a terminal")
	require.Equal(t, "a", a.json("request_id"))
	require.Equal(t, false, a.json("terminal"))
	require.Equal(t, "live", a.json("liveness"))
	require.Len(t, a.json("history"), 2)
	require.Equal(t, s.clock.Now().Add(80*time.Second).UTC().Format("2006-01-02T15:04:05.000Z"), a.json("eta"))
	for _, name := range []string{"timestamp", "created_at", "updated_at"} {
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, a.json(name))
	}
	require.NotContains(t, a.body, "first_", "what is kept for the ETA alone")
	require.NotContains(t, a.body, "error", "absent, as it has no value")
}

func TestGetOfAFailedJobIsNoError(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.posted("a", `{"status":"fail","error":{"code":"OOM","message":"out of memory","exit_code":137}}`)
	a := s.get("/status/a")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, true, a.json("terminal"))
	require.Empty(t, a.header.Values("Retry-After"), "it is over")
	require.NotContains(t, a.body, "liveness")
	require.Regexp(t, `^"\d+"$`, a.header.Get("ETag"))
}

func TestGetOfNoRecord(t *testing.T) {
	t.Parallel()
	s := start(t)
	a := s.get("/status/a")
	a.isProblem(http.StatusNotFound, notFound)
	require.Equal(t, "a", a.json("request_id"))
}

func TestGetOfWhatTheClientHas(t *testing.T) {
	t.Parallel()
	s := start(t)
	tag := s.posted("a", `{"status":"started"}`).header.Get("ETag")
	for header, status := range map[string]int{
		tag:                    http.StatusNotModified,
		"W/" + tag:             http.StatusNotModified,
		`"x", ` + tag:          http.StatusNotModified,
		"*":                    http.StatusNotModified,
		`"x"`:                  http.StatusOK,
		strings.Trim(tag, `"`): http.StatusBadRequest,
	} {
		a := s.get("/status/a", "If-None-Match", header)
		require.Equal(t, status, a.status, header)
		if status == http.StatusNotModified {
			require.Empty(t, a.body)
			require.Equal(t, tag, a.header.Get("ETag"))
			require.Equal(t, "no-cache", a.header.Get("Cache-Control"))
			require.Equal(t, "Accept", a.header.Get("Vary"))
		}
	}
	s.get("/status/b", "If-None-Match", "*").isProblem(http.StatusNotFound, notFound)
}

func TestETagChangesWithLiveness(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.posted("a", `{"status":"started"}`)
	seen := map[string]bool{}
	for _, liveness := range []string{"live", "late", "stale"} {
		a := s.get("/status/a")
		require.Equal(t, liveness, a.json("liveness"))
		require.False(t, seen[a.header.Get("ETag")])
		seen[a.header.Get("ETag")] = true
		s.clock.advance(5 * time.Minute)
	}
}

func TestTextIsOneLineForAPerson(t *testing.T) {
	t.Parallel()
	s := start(t)
	text := []string{"Accept", "text/plain"}
	created := s.post("a", `{"status":"in-progress","progress":"3/10 epochs","message":"a\nb"}`, text...)
	require.Equal(t, http.StatusCreated, created.status)
	s.clock.advance(4 * time.Second)
	a := s.get("/status/a", text...)
	require.Equal(t, `a  in-progress  30% (3/10 epochs)  live, reported 4s ago  a\nb`+"\n", a.body)
	require.Equal(t, "text/plain; charset=utf-8", a.header.Get("Content-Type"))
	require.Equal(t, "Accept", a.header.Get("Vary"))
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Empty(t, a.header.Values("ETag"))
	require.Empty(t, created.header.Values("ETag"))
	require.Equal(t, http.StatusOK, s.get("/status/a", append(text, "If-None-Match", "*")...).status)

	require.Equal(t, 1, strings.Count(s.get("/status/b", text...).body, "\n"))
	require.Regexp(t, `^not_found: There is no such record\. \(trace [0-9a-f]{32}\)\n$`, s.get("/status/b", text...).body)
	require.Regexp(t, `^invalid_field: .* attempt: must be an integer\. status: must be one of .*\. \(trace`,
		s.post("b", `{"status":"x","attempt":"y"}`, text...).body)
	require.Contains(t, s.post("b", `{"status":"started","\u001b[2J":1}`, text...).body, ` \x1b[2J: is no field`)
	s.posted("c", `{"status":"fail"}`)
	require.Regexp(t, `^terminal: .* Allowed now: in-progress, fail\. Next attempt: 2\. \(trace`,
		s.post("c", `{"status":"success"}`, text...).body)
}

func TestRequestIDsWithOddCharactersAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	s := start(t)
	for path, id := range map[string]string{
		"..":                     "..",
		"%2e%2e%2e":              "...",
		"%2E":                    ".",
		"~":                      "~",
		"%7Eme":                  "~me",
		"a:b":                    "a:b",
		"a%3Ab%2D":               "a:b-",
		"%61":                    "a",
		strings.Repeat("x", 128): strings.Repeat("x", 128),
	} {
		require.Equal(t, id, s.posted(path, `{"status":"started"}`).json("request_id"))
		require.Equal(t, id, s.get("/status/"+path).json("request_id"))
	}
	for _, path := range []string{
		"a%2Fb", "a%20b", "a+b", "%2561", "%C3%A9", "a%00", "%0A", "a;b", "@", strings.Repeat("x", 129),
	} {
		a := s.get("/status/" + path)
		a.isProblem(http.StatusUnprocessableEntity, invalidField)
		require.Equal(t, []string{"request_id"}, a.fields())
		require.NotContains(t, a.body, `"request_id":`)
	}
	require.Equal(t, http.StatusNotFound, s.get("/status/a/b").status)
}

func TestGetRefusesParametersThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.posted("a", `{"status":"started"}`)
	a := s.get("/status/a?wiat=30s&x")
	a.isProblem(http.StatusBadRequest, invalidQuery)
	require.Equal(t, []string{"wiat", "x"}, a.fields())
	s.get("/status/a?%zz").isProblem(http.StatusBadRequest, invalidQuery)
	require.Equal(t, http.StatusOK, s.get("/status/a?").status)
}

func TestGetWithNoCacheReadsAnew(t *testing.T) {
	t.Parallel()
	reader := &counting{}
	s := start(t, func(c *Config) { reader.Watch, c.Watch = c.Watch, reader })
	s.posted("a", `{"status":"started"}`)
	s.get("/status/a")
	require.False(t, reader.fresh)
	s.get("/status/a", "Cache-Control", "max-age=0, No-Cache")
	require.True(t, reader.fresh)
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.posted("a", `{"status":"started"}`)
	for _, path := range []string{"/status/a", "/status/b", "/status", "/healthz", "/readyz", "/openapi.yaml", "/nowhere"} {
		get, head := s.get(path), s.do(http.MethodHead, path, "")
		require.Equal(t, get.status, head.status, path)
		require.Empty(t, head.body)
		for _, name := range []string{"Traceparent", "Date"} {
			get.header.Del(name)
			head.header.Del(name)
		}
		require.Equal(t, get.header, head.header, path)
	}
	require.Equal(t, http.StatusOK, s.do(http.MethodHead, "/metrics", "").status)
}
