package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/table"
)

// counting remembers what it was last asked for.
type counting struct {
	Watch
	fresh bool
}

func (c *counting) Get(ctx context.Context, id string, fresh bool) (*store.Snapshot, error) {
	c.fresh = fresh
	return c.Watch.Get(ctx, id, fresh)
}

func TestDeleteForgetsAJob(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.posted("a", `{"status":"started"}`)
	require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, "/status/a", "").status)
	s.get("/status/a").isProblem(http.StatusNotFound, notFound)
	s.do(http.MethodDelete, "/status/a", "").isProblem(http.StatusNotFound, notFound)
	s.do(http.MethodDelete, "/status/a", "", "If-Match", "*").isProblem(http.StatusBadRequest, invalidHeader)
	s.do(http.MethodDelete, "/status/a?force=1", "").isProblem(http.StatusBadRequest, invalidQuery)
	s.do(http.MethodDelete, "/status/a%20", "").isProblem(http.StatusUnprocessableEntity, invalidField)
}

func TestUnknownRoutesAndMethodsAreProblems(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range []string{"/nowhere", "/status/a/b", "/status/", "//status/a", "/Status/a"} {
		s.get(path).isProblem(http.StatusNotFound, noSuchRoute)
	}
	for path, allow := range map[string]string{
		"/status/a":     "GET, HEAD, POST, DELETE",
		"/status/a%3Ab": "GET, HEAD, POST, DELETE",
		"/status":       "GET, HEAD",
		"/healthz":      "GET, HEAD",
	} {
		for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodOptions, "BREW"} {
			a := s.do(method, path, "")
			a.isProblem(http.StatusMethodNotAllowed, methodNot)
			require.Equal(t, allow, a.header.Get("Allow"))
		}
	}
	s.do(http.MethodPost, "/status", "").isProblem(http.StatusMethodNotAllowed, methodNot)
}

func TestPagesOfOtherSitesAreKeptAway(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.AllowedHosts = []string{"statusd.example.com"} })
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Origin", "https://evil.example.org"},
		{"Origin", "null"},
	} {
		s.post("a", `{"status":"started"}`, headers...).isProblem(http.StatusForbidden, crossOrigin)
		s.do(http.MethodDelete, "/status/a", "", headers...).isProblem(http.StatusForbidden, crossOrigin)
		s.get("/status/a", headers...).isProblem(http.StatusNotFound, notFound)
	}
	require.Equal(t, http.StatusCreated, s.post("a", `{"status":"started"}`, "Sec-Fetch-Site", "same-origin", "Origin", s.url).status)

	for _, path := range []string{"/status/a", "/status", "/openapi.yaml"} {
		s.get(path, "Host", "evil.example.org").isProblem(http.StatusMisdirectedRequest, hostNotAllowed)
		require.Equal(t, http.StatusOK, s.get(path, "Host", "statusd.example.com").status)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		require.Equal(t, http.StatusOK, s.get(path, "Host", "statusd.ml.svc").status, "a probe's name for us")
	}
}

func TestReadinessFollowsTheProcessNotTheStore(t *testing.T) {
	t.Parallel()
	s := start(t)
	ready := s.get("/readyz")
	require.Equal(t, http.StatusOK, ready.status)
	require.Equal(t, "ok", ready.json("store"))
	require.Equal(t, "test", s.get("/healthz").json("version"))

	s.phase = Starting
	s.get("/readyz").isProblem(http.StatusServiceUnavailable, starting)
	s.get("/status/a").isProblem(http.StatusServiceUnavailable, starting)
	s.get("/status").isProblem(http.StatusServiceUnavailable, starting)
	s.post("a", `{"status":"started"}`).isProblem(http.StatusServiceUnavailable, starting)
	require.Equal(t, http.StatusOK, s.get("/healthz").status)

	s.phase = Draining
	s.get("/readyz").isProblem(http.StatusServiceUnavailable, draining)
	require.Equal(t, http.StatusCreated, s.post("a", `{"status":"started"}`).status, "it still serves")

	away := start(t, failing{err: table.ErrUnavailable}.use)
	ready = away.get("/readyz")
	require.Equal(t, http.StatusOK, ready.status)
	require.Equal(t, "unavailable", ready.json("store"))
}

func TestContractIsServed(t *testing.T) {
	t.Parallel()
	a := start(t).get("/openapi.yaml")
	require.Equal(t, "application/yaml", a.header.Get("Content-Type"))
	require.Equal(t, string(statusd.OpenAPI), a.body)
}

func TestFailuresOfTheStoreTellNothingOfItsInside(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		status int
		code   kind
		level  string
	}{
		"away": {
			&table.UnavailableError{Table: "secret", Operation: "GetItem", Cause: errors.New("dial secret")},
			http.StatusServiceUnavailable, unavailable, "warn",
		},
		"slow":       {fmt.Errorf("secret: %w", context.DeadlineExceeded), http.StatusServiceUnavailable, unavailable, "warn"},
		"unreadable": {&table.CorruptError{Table: "secret", Key: "a"}, http.StatusInternalServerError, unreadable, "error"},
		"unknown":    {errors.New("secret"), http.StatusInternalServerError, internal, "error"},
		"too large":  {fmt.Errorf("secret: %w", store.ErrTooLarge), http.StatusRequestEntityTooLarge, tooLarge, "info"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, failing{err: test.err}.use)
			answers := []answer{s.post("a", `{"status":"started"}`)}
			if test.status >= 500 { // reads do not meet the others
				answers = append(answers, s.get("/status/a"), s.get("/status"), s.get("/status?request_id=a"), s.do(http.MethodDelete, "/status/a", ""))
			}
			for _, a := range answers {
				a.isProblem(test.status, test.code)
				require.NotContains(t, a.body, "secret")
				if test.status == http.StatusServiceUnavailable {
					require.Regexp(t, `^[123]$`, a.header.Get("Retry-After"))
				}
				line := s.requestLine(a)
				require.Equal(t, test.level, line["level"])
				require.Equal(t, string(test.code), line["code"])
				if test.status >= 500 {
					require.Contains(t, line["error"], test.err.Error())
				}
			}
		})
	}
}

// requestLine waits for the log line of an answer.
func (s *service) requestLine(a answer) map[string]any {
	s.t.Helper()
	var found map[string]any
	require.Eventually(s.t, func() bool {
		for _, line := range s.log.of("request") {
			if line["trace_id"] == a.header.Get("Traceparent")[3:35] {
				found = line
			}
		}
		return found != nil
	}, 5*time.Second, time.Millisecond)
	return found
}

func TestAPanicIsAProblemAndTheServerLivesOn(t *testing.T) {
	t.Parallel()
	s := start(t, failing{panics: "secret"}.use)
	for range 2 {
		a := s.get("/status/a")
		a.isProblem(http.StatusInternalServerError, internal)
		require.NotContains(t, a.body, "secret")
		line := s.requestLine(a)
		require.Equal(t, "error", line["level"])
		require.Equal(t, "panic: secret", line["error"])
		require.Contains(t, line["stack"], "failing.fail")
	}
}

func TestAnAbortedAnswerCutsTheConnection(t *testing.T) {
	t.Parallel()
	s := start(t, failing{panics: http.ErrAbortHandler}.use)
	_, err := s.client.Get(s.url + "/status/a")
	require.Error(t, err)
	require.Equal(t, http.StatusOK, s.get("/healthz").status)
}

func TestAPanicAfterTheHeaderCutsTheConnection(t *testing.T) {
	t.Parallel()
	s := start(t)
	api := newServer(s.config)
	api.routes.Get("/late", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		require.NoError(t, http.NewResponseController(w).Flush())
		panic("late")
	})
	server := serve(t, api.routes)
	response, err := http.Get(server + "/late")
	require.NoError(t, err)
	defer response.Body.Close()
	_, err = response.Body.Read(make([]byte, 1))
	require.Error(t, err)
	require.Len(t, s.log.of("request"), 1)
	require.Equal(t, "panic: late", s.log.of("request")[0]["error"])
}

func TestEachRequestIsLoggedOnceWithoutItsQuery(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.requestLine(s.posted("a", `{"status":"started"}`))
	a := s.get("/status/a", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	require.Regexp(t, `^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$`, a.header.Get("Traceparent"))
	require.NotContains(t, a.header.Get("Traceparent"), "b7ad6b7169203331", "a span of its own")
	line := s.requestLine(a)
	require.Equal(t, "info", line["level"])
	require.Equal(t, "GET", line["method"])
	require.Equal(t, "/status/{request_id}", line["route"])
	require.Equal(t, "a", line["request_id"])
	require.Equal(t, 200., line["status"])
	require.Equal(t, float64(len(a.body)), line["bytes"])
	require.Contains(t, line, "duration_ms")

	line = s.requestLine(s.get("/status?owner=secret"))
	require.NotContains(t, fmt.Sprint(line), "secret")
	require.Equal(t, "debug", s.requestLine(s.get("/healthz"))["level"])
	require.Equal(t, "none", s.requestLine(s.get("/nowhere"))["route"])
}

func TestMetricsCountRequestsAndStoreCalls(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.requestLine(s.posted("a", `{"status":"started"}`))
	s.requestLine(s.get("/status/a"))
	s.requestLine(s.get("/status/b"))
	s.requestLine(s.get("/nowhere"))
	s.requestLine(s.do("BREW", "/status/a", ""))
	for _, call := range []table.Call{
		{Operation: "UpdateItem", Duration: time.Millisecond, WriteUnits: 1},
		{Operation: "UpdateItem", Err: &table.ConditionError{}},
		{Operation: "GetItem", Err: &table.UnavailableError{Cause: context.Canceled}, ReadUnits: .5},
		{Operation: "GetItem", Err: context.Canceled},
		{Operation: "GetItem", Err: context.DeadlineExceeded},
		{Operation: "GetItem", Err: errors.New("other")},
	} {
		s.config.Metrics.ObserveCall(call)
	}
	metrics := s.get("/metrics").body
	for _, line := range []string{
		`statusd_http_requests_total{method="POST",route="/status/{request_id}",status="201"} 1`,
		`statusd_http_requests_total{method="GET",route="/status/{request_id}",status="200"} 1`,
		`statusd_http_requests_total{method="GET",route="/status/{request_id}",status="404"} 1`,
		`statusd_http_requests_total{method="GET",route="none",status="404"} 1`,
		`statusd_http_requests_total{method="other",route="none",status="405"} 1`,
		`statusd_http_request_duration_seconds_count{route="/status/{request_id}"} 3`,
		`statusd_store_calls_total{operation="UpdateItem",outcome="ok"} 1`,
		`statusd_store_calls_total{operation="UpdateItem",outcome="condition"} 1`,
		`statusd_store_calls_total{operation="GetItem",outcome="unavailable"} 1`,
		`statusd_store_calls_total{operation="GetItem",outcome="canceled"} 1`,
		`statusd_store_calls_total{operation="GetItem",outcome="timeout"} 1`,
		`statusd_store_calls_total{operation="GetItem",outcome="error"} 1`,
		`statusd_store_call_duration_seconds_count{operation="UpdateItem"} 2`,
		`statusd_store_consumed_units_total{kind="write",operation="UpdateItem"} 1`,
		`statusd_store_consumed_units_total{kind="read",operation="GetItem"} 0.5`,
		`go_goroutines`,
	} {
		require.Contains(t, metrics, line)
	}
}

func TestAClientThatHungUpIsNoFault(t *testing.T) {
	t.Parallel()
	waiting := make(chan struct{})
	s := start(t, func(c *Config) { c.Watch = waits{waiting: waiting} })
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/status/a", nil)
		_, err := http.DefaultClient.Do(r) //nolint:bodyclose // there is none
		failed <- err
	}()
	<-waiting
	cancel()
	require.Error(t, <-failed)
	require.Eventually(t, func() bool { return len(s.log.of("request")) == 1 }, 5*time.Second, time.Millisecond)
	line := s.log.of("request")[0]
	require.Equal(t, "info", line["level"])
	require.Equal(t, float64(statusClientGone), line["status"])
}

// waits until its reader has gone.
type waits struct {
	Watch
	waiting chan struct{}
}

func (w waits) Get(ctx context.Context, _ string, _ bool) (*store.Snapshot, error) {
	close(w.waiting)
	<-ctx.Done()
	return nil, ctx.Err()
}
