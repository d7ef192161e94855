package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/table/embedded"
	"github.com/statusd/statusd/internal/watch"
)

func newMetrics() *Metrics { return NewMetrics(prometheus.NewRegistry()) }

// service is the API over the real store, on a real socket. Its answers are
// checked against the contract.
type service struct {
	t      testing.TB
	url    string
	client *http.Client
	config Config
	store  *store.Store
	watch  *watch.Watch
	log    *logLines
	clock  *clock
	phase  Phase
	root   []string // headers of somebody who may do everything, where that is asked for
}

// start starts a service; the options change its configuration.
func start(t testing.TB, options ...func(*Config)) *service {
	t.Helper()
	engine, err := embedded.Open(filepath.Join(t.TempDir(), "statusd.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	s := &service{t: t, log: &logLines{}, clock: &clock{now: time.Now()}, phase: Serving}
	s.store, err = store.New(engine, store.Config{
		Table: "status-table", Clock: s.clock.Now, Exclusive: true,
		Policy:  model.Policy{Retention: 720 * time.Hour, AbandonAfter: 2160 * time.Hour},
		Silence: model.Silence{LateAfter: 2 * time.Minute, StaleAfter: 10 * time.Minute, StalledAfter: 30 * time.Minute},
	})
	require.NoError(t, err)
	require.NoError(t, s.store.CreateTable(t.Context()))
	s.watch = watch.New(s.store, watch.Config{Freshness: time.Second, Timeout: 10 * time.Second, Most: 1000})
	s.config = Config{
		Store: s.store, Watch: s.watch, Metrics: newMetrics(),
		Log: zerolog.New(s.log).Level(zerolog.DebugLevel), Clock: s.clock.Now, Phase: func() Phase { return s.phase },
		RequestTimeout: 10 * time.Second, Version: "test",
	}
	for _, option := range options {
		option(&s.config)
	}
	s.url = serve(t, New(s.config))
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: checked{transport}}
	return s
}

// answer is what a request brought.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// do sends a request. Headers are names and values in turn.
func (s *service) do(method, path, body string, headers ...string) answer {
	s.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, reader)
	require.NoError(s.t, err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := s.client.Do(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return answer{s.t, response.StatusCode, response.Header, string(read)}
}

func (s *service) get(path string, headers ...string) answer {
	s.t.Helper()
	return s.do(http.MethodGet, path, "", headers...)
}

// post sends JSON.
func (s *service) post(id, body string, headers ...string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, "/status/"+id, body, append(headers, "Content-Type", "application/json")...)
}

// posted sends JSON that has to be accepted.
func (s *service) posted(id, body string) answer {
	s.t.Helper()
	a := s.post(id, body)
	require.Equal(s.t, 2, a.status/100, a.body)
	return a
}

// json returns a member of the answer, by its path.
func (a answer) json(path ...string) any {
	a.t.Helper()
	var value any
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &value), a.body)
	for _, name := range path {
		object, ok := value.(map[string]any)
		require.True(a.t, ok, "%s is no object in %s", name, a.body)
		value = object[name]
	}
	return value
}

// fields returns the names of the fields that a problem complains about.
func (a answer) fields() []string {
	a.t.Helper()
	var p problem
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &p), a.body)
	names := []string{}
	for _, e := range p.Errors {
		names = append(names, e.Field)
	}
	return names
}

// isProblem requires the answer to be a problem of that kind.
func (a answer) isProblem(status int, code kind) {
	a.t.Helper()
	require.Equal(a.t, status, a.status, a.body)
	require.Equal(a.t, "application/problem+json", a.header.Get("Content-Type"))
	require.Equal(a.t, string(code), a.json("code"))
	require.Equal(a.t, a.header.Get("Traceparent")[3:35], a.json("trace_id"))
}

// clock stands still until it is told.
type clock struct {
	mu   sync.Mutex
	now  time.Time
	runs bool // like any other
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runs {
		return time.Now()
	}
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// logLines is what was logged.
type logLines struct {
	mu    sync.Mutex
	lines []map[string]any
}

func (l *logLines) Write(p []byte) (int, error) {
	line := map[string]any{}
	if err := json.NewDecoder(bytes.NewReader(p)).Decode(&line); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return len(p), nil
}

// of returns the lines with that message. The line of a request can come after
// its answer.
func (l *logLines) of(message string) []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []map[string]any
	for _, line := range l.lines {
		if line["message"] == message {
			found = append(found, line)
		}
	}
	return found
}

// failing stands for a store that answers all with an error, or panics.
type failing struct {
	err    error
	panics any
}

func (f failing) fail() error {
	if f.panics != nil {
		panic(f.panics)
	}
	return f.err
}

func (f failing) Get(context.Context, string, bool) (*store.Snapshot, error) { return nil, f.fail() }
func (f failing) Subscribe(string) (*watch.Subscription, error)              { return nil, f.fail() }
func (f failing) Await(context.Context, string, bool, time.Duration, func(*watch.State) bool) (*watch.State, error) {
	return nil, f.fail()
}
func (f failing) Running(context.Context, watch.View) (watch.Counts, error) {
	return watch.Counts{}, f.fail()
}
func (f failing) Apply(context.Context, string, model.Update, store.When) (store.Result, error) {
	return store.Result{}, f.fail()
}
func (f failing) GetMany(context.Context, []string) ([]store.Found, error) { return nil, f.fail() }
func (f failing) List(context.Context, store.Filter) (store.Page, error) {
	return store.Page{}, f.fail()
}
func (f failing) Delete(context.Context, string, store.Permit) error   { return f.fail() }
func (f failing) Liveness(*store.Snapshot) model.Liveness              { return "" }
func (f failing) Allowed(*store.Snapshot, model.Update) []model.Status { return nil }
func (f failing) Ready(context.Context) error                          { return f.fail() }

// use makes the service use that store alone.
func (f failing) use(c *Config) { c.Store, c.Watch = f, f }

// serve returns the address of a handler on a real socket.
func serve(t testing.TB, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}
