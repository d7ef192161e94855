package api

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
)

func TestPostTellsWhatBecameOfTheUpdate(t *testing.T) {
	t.Parallel()
	s := start(t)
	created := s.post("bert:17", `{"status":"started","owner":"vision"}`)
	require.Equal(t, http.StatusCreated, created.status)
	require.Equal(t, "/status/bert:17", created.header.Get("Location"))
	require.Equal(t, "created", created.header.Get("Statusd-Outcome"))
	require.Equal(t, "application/json", created.header.Get("Content-Type"))
	require.Equal(t, "started", created.json("status"))

	applied := s.post("bert:17", `{"status":"in-progress","progress":{"current":3,"total":10,"unit":"epochs"},"message":"loss <0.31>"}`)
	require.Equal(t, http.StatusOK, applied.status)
	require.Equal(t, "applied", applied.header.Get("Statusd-Outcome"))
	require.Empty(t, applied.header.Get("Location"))
	require.Contains(t, applied.body, `"progress":{"current":3,"total":10,"unit":"epochs","percent":30,"advanced_at":`)
	require.Contains(t, applied.body, `"message":"loss <0.31>"`, "not escaped as in HTML")
	require.NotEqual(t, created.header.Get("ETag"), applied.header.Get("ETag"))
	require.Equal(t, s.get("/status/bert:17").header.Get("ETag"), applied.header.Get("ETag"))

	require.Equal(t, "applied", s.post("bert:17", `{"status":"success"}`).header.Get("Statusd-Outcome"))
	unchanged := s.post("bert:17", `{"status":"success"}`)
	require.Equal(t, http.StatusOK, unchanged.status)
	require.Equal(t, "unchanged", unchanged.header.Get("Statusd-Outcome"))
	require.Equal(t, 100., unchanged.json("progress", "percent"))
}

func TestPostOfAContradictionNamesWhatIsAllowed(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.posted("a", `{"status":"success","attempt":2,"owner":"me"}`)
	for body, test := range map[string]struct {
		code    kind
		allowed []any
	}{
		`{"status":"fail"}`:                              {terminal, []any{"in-progress", "success"}},
		`{"status":"started"}`:                           {terminal, []any{"in-progress", "success"}},
		`{"status":"in-progress","attempt":1}`:           {superseded, []any{}},
		`{"status":"success","attempt":3,"owner":"you"}`: {otherOwner, []any{}},
	} {
		a := s.post("a", body)
		a.isProblem(http.StatusConflict, test.code)
		require.Equal(t, "contradicts", a.header.Get("Statusd-Outcome"))
		require.Equal(t, "a", a.json("request_id"))
		require.Equal(t, "success", a.json("current", "status"))
		require.Equal(t, test.allowed, a.json("allowed"), body)
		require.Equal(t, 3., a.json("next_attempt"))
	}
	again := s.post("a", `{"status":"started","attempt":3}`)
	require.Equal(t, http.StatusOK, again.status)
	require.Equal(t, "applied", again.header.Get("Statusd-Outcome"))
}

func TestPostUnderAPrecondition(t *testing.T) {
	t.Parallel()
	s := start(t)
	missing := s.post("a", `{"status":"started"}`, "If-Match", `*`)
	missing.isProblem(http.StatusPreconditionFailed, versionMismatch)
	require.NotContains(t, missing.body, "current")

	first := s.post("a", `{"status":"started"}`, "If-None-Match", "*")
	require.Equal(t, http.StatusCreated, first.status)
	exists := s.post("a", `{"status":"started"}`, "If-None-Match", "*")
	exists.isProblem(http.StatusPreconditionFailed, versionMismatch)
	require.Equal(t, "started", exists.json("current", "status"))

	tag := first.header.Get("ETag")
	version := strings.TrimSuffix(tag, `-live"`)
	require.NotEqual(t, tag, version)
	second := s.post("a", `{"status":"in-progress"}`, "If-Match", tag)
	require.Equal(t, http.StatusOK, second.status)
	stale := s.post("a", `{"status":"success"}`, "If-Match", tag)
	stale.isProblem(http.StatusPreconditionFailed, versionMismatch)
	require.Equal(t, "in-progress", stale.json("current", "status"))

	weak := "W/" + strings.Replace(second.header.Get("ETag"), "live", "stale", 1)
	require.Equal(t, http.StatusOK, s.post("a", `{"status":"success"}`, "If-Match", `"xyz", `+weak).status,
		"of a list one counts; weak or not, whatever the liveness")
	require.Equal(t, http.StatusOK, s.post("a", `{"status":"success"}`, "If-Match", tag).status,
		"it would have changed nothing")
	require.Equal(t, http.StatusOK, s.post("a", `{"status":"success"}`, "If-Match", "*").status)
	s.post("a", `{"status":"success","attempt":9}`, "If-Match", `"xyz"`).isProblem(http.StatusPreconditionFailed, versionMismatch)

	for _, headers := range [][]string{
		{"If-Match", "1"},
		{"If-Match", ""},
		{"If-None-Match", tag},
		{"If-None-Match", "x"},
		{"If-Match", "*", "If-None-Match", "*"},
	} {
		s.post("a", `{"status":"started"}`, headers...).isProblem(http.StatusBadRequest, invalidHeader)
	}
}

func TestPostOfAForm(t *testing.T) {
	t.Parallel()
	s := start(t)
	a := s.do(http.MethodPost, "/status/a", "status=fail&message=hi&progress=42%&exit_code=137&metadata.logs=http://x/",
		"Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusCreated, a.status, a.body)
	require.Equal(t, 42., a.json("progress", "percent"))
	require.Equal(t, 137., a.json("error", "exit_code"))
	require.Equal(t, "http://x/", a.json("metadata", "logs"))
}

func TestPostOfWhatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, body := range map[string]string{
		"not JSON": `{"status":`, "unknown": `{"status":"started","x":1}`, "duplicate": `{"status":"started","status":"fail"}`,
		"trailing": `{"status":"started"} 1`, "not UTF-8": "{\"status\":\"started\",\"message\":\"\xff\"}",
	} {
		t.Run(name, func(t *testing.T) {
			s.post("a", body).isProblem(http.StatusBadRequest, invalidBody)
		})
	}
	both := s.post("a", `{"status":"done","attempt":0,"owner":""}`)
	both.isProblem(http.StatusUnprocessableEntity, invalidField)
	require.ElementsMatch(t, []string{"status", "attempt", "owner"}, both.fields())
	require.Equal(t, "a", both.json("request_id"))

	inQuery := s.do(http.MethodPost, "/status/a?status=started&x=1", "")
	inQuery.isProblem(http.StatusBadRequest, invalidQuery)
	require.Equal(t, []string{"status", "x"}, inQuery.fields())
	s.get("/status/a").isProblem(http.StatusNotFound, notFound)
}

func TestPostNeedsATypeThatIsRead(t *testing.T) {
	t.Parallel()
	s := start(t)
	const body = `{"status":"started"}`
	for _, accepted := range []string{
		"application/json", "application/json; charset=UTF-8", "Application/JSON;charset=us-ascii", "application/vnd.job+json",
	} {
		a := s.do(http.MethodPost, "/status/a", body, "Content-Type", accepted)
		require.Equal(t, 2, a.status/100, a.body)
	}
	for _, refused := range []string{
		"text/plain", "text/json", "multipart/form-data; boundary=x", "application/json; charset=latin1", "application/octet-stream", "x", ";",
	} {
		a := s.do(http.MethodPost, "/status/a", body, "Content-Type", refused)
		a.isProblem(http.StatusUnsupportedMediaType, unsupportedType)
		require.Contains(t, a.header.Get("Accept-Post"), "application/json")
	}
	s.do(http.MethodPost, "/status/a", body).isProblem(http.StatusUnsupportedMediaType, unsupportedType)
	s.post("a", body, "Content-Encoding", "gzip").isProblem(http.StatusUnsupportedMediaType, unsupportedType)
	require.Equal(t, http.StatusOK, s.post("a", body, "Content-Encoding", "identity").status)

	empty := s.do(http.MethodPost, "/status/a", "")
	empty.isProblem(http.StatusUnprocessableEntity, invalidField)
	require.Equal(t, []string{"status"}, empty.fields())
}

func TestPostOfTooMuchIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	fitting := fmt.Sprintf(`{"status":"started","message":"%s"}`, strings.Repeat("x", bodyMost-35-1))
	require.Less(t, len(fitting), bodyMost+1)
	require.Equal(t, http.StatusCreated, s.post("a", fitting).status)
	s.post("a", fitting+strings.Repeat(" ", bodyMost)).isProblem(http.StatusRequestEntityTooLarge, tooLarge)

	// The same without a declared length.
	r := must(http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/status/a",
		struct{ *strings.Reader }{strings.NewReader(strings.Repeat("x", 2*bodyMost))}))
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(r)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
}

func TestPostWarnsOfWhatItCut(t *testing.T) {
	t.Parallel()
	s := start(t)
	var metadata []string
	for i := range 34 {
		metadata = append(metadata, fmt.Sprintf(`"k%02d":"v"`, i))
	}
	a := s.posted("a", fmt.Sprintf(`{"status":"started","message":"%s","metadata":{%s}}`, strings.Repeat("é", 600), strings.Join(metadata, ",")))
	require.Len(t, a.header.Values("Statusd-Warning"), 1)
	require.Contains(t, a.header.Get("Statusd-Warning"), "message")
	require.Contains(t, a.header.Get("Statusd-Warning"), "2 keys dropped")
	require.Empty(t, s.posted("a", `{"status":"in-progress"}`).header.Values("Statusd-Warning"))
}

func TestPostGoesOnWhenItsClientHangsUp(t *testing.T) {
	t.Parallel()
	gate := &gated{entered: make(chan struct{}), leave: make(chan struct{}), result: make(chan error, 1)}
	s := start(t, func(c *Config) { gate.Store, c.Store = c.Store, gate })
	hungUp := make(chan (<-chan struct{}), 1)
	api := New(s.config)
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hungUp <- r.Context().Done()
		api.ServeHTTP(w, r)
	}))

	connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	fmt.Fprintf(connection, "POST /status/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 14\r\n\r\nstatus=started")
	<-gate.entered
	require.NoError(t, connection.Close())
	<-<-hungUp
	close(gate.leave)
	require.NoError(t, <-gate.result)
	require.Equal(t, "started", s.get("/status/a").json("status"))
}

// gated holds an update until it may leave.
type gated struct {
	Store
	entered, leave chan struct{}
	result         chan error
}

func (g *gated) Apply(ctx context.Context, id string, u model.Update, when store.When) (store.Result, error) {
	close(g.entered)
	<-g.leave
	result, err := g.Store.Apply(ctx, id, u, when)
	g.result <- err
	return result, err
}

func TestPostLogsTransitionsAndCountsOutcomes(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.posted("a", `{"status":"started"}`)
	s.posted("a", `{"status":"in-progress"}`)
	s.posted("a", `{"status":"in-progress","message":"a heartbeat"}`)
	s.posted("a", `{"status":"success"}`)
	s.posted("a", `{"status":"success"}`)
	s.post("a", `{"status":"fail"}`)

	var statuses []any
	for _, line := range s.log.of("transition") {
		require.Equal(t, "a", line["request_id"])
		require.Len(t, line["trace_id"], 32)
		statuses = append(statuses, line["status"])
	}
	require.Equal(t, []any{"started", "in-progress", "success"}, statuses)

	metrics := s.get("/metrics").body
	for _, line := range []string{
		`statusd_updates_total{outcome="created",reason=""} 1`,
		`statusd_updates_total{outcome="applied",reason=""} 3`,
		`statusd_updates_total{outcome="unchanged",reason=""} 1`,
		`statusd_updates_total{outcome="contradicts",reason="terminal"} 1`,
	} {
		require.Contains(t, metrics, line)
	}
}

func TestBodyThatEndsTooEarlyIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer connection.Close()
	fmt.Fprintf(connection, "POST /status/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{}")
	require.NoError(t, connection.(*net.TCPConn).CloseWrite())
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusBadRequest, response.StatusCode)
}
