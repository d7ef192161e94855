package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/api"
	"github.com/statusd/statusd/internal/auth"
	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/table/embedded"
	"github.com/statusd/statusd/internal/watch"
)

// service is statusd on a real socket.
type service struct {
	t       *testing.T
	url     string
	handler http.Handler
	server  *http.Server
	silence model.Silence
	auth    *auth.Authenticator // nil: nobody has to sign in
	keys    []byte              // that it believes
	root    string              // a token for everything

	cut   atomic.Bool // streams are cut by something on their way
	mu    sync.Mutex
	seen  map[string]int // requests by what they are for
	said  []string       // what requests show in addresses and referrers
	taken []net.Conn     // by streams: the server knows nothing of them
}

func start(t *testing.T, options ...func(*service)) *service {
	t.Helper()
	s := &service{t: t, seen: make(map[string]int), silence: model.Silence{LateAfter: 2 * time.Minute, StaleAfter: 10 * time.Minute}}
	for _, option := range options {
		option(s)
	}
	engine, err := embedded.Open(filepath.Join(t.TempDir(), "statusd.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	records, err := store.New(engine, store.Config{
		Table: "jobs", Exclusive: true, Silence: s.silence,
		Policy: model.Policy{Retention: time.Hour, AbandonAfter: time.Hour},
	})
	require.NoError(t, err)
	require.NoError(t, records.CreateTable(t.Context()))
	s.handler = api.New(api.Config{
		Auth: s.credentials(), Store: records, Watch: watch.New(records, watch.Config{Freshness: time.Second, Timeout: 10 * time.Second, Most: 1000}),
		Metrics: api.NewMetrics(prometheus.NewRegistry()), Log: zerolog.Nop(), Clock: time.Now,
		Phase: func() api.Phase { return api.Serving }, RequestTimeout: 10 * time.Second, Version: "test",
	})
	s.serve("127.0.0.1:0")
	t.Cleanup(s.stop)
	return s
}

func (s *service) serve(address string) {
	s.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	require.NoError(s.t, err)
	s.url = "http://" + listener.Addr().String()
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, ConnState: func(conn net.Conn, state http.ConnState) {
		if state == http.StateHijacked {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.taken = append(s.taken, conn)
		}
	}}
	go func(server *http.Server) { _ = server.Serve(listener) }(s.server)
}

// stop is an end without a farewell.
func (s *service) stop() {
	_ = s.server.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.taken {
		_ = conn.Close() // it may be closed already
	}
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := r.URL.Path
	if r.URL.Query().Has("wait") {
		what += "?wait"
	}
	s.mu.Lock()
	s.seen[what]++
	s.said = append(s.said, r.RequestURI+" "+r.Referer())
	s.mu.Unlock()
	if s.cut.Load() && strings.HasSuffix(r.URL.Path, "/events") {
		http.Error(w, "a proxy that knows better", http.StatusBadGateway)
		return
	}
	s.handler.ServeHTTP(w, r)
}

// asked tells how many such requests there were.
func (s *service) asked(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[what]
}

// watching tells how many clients wait, by "stream" or "wait".
func (s *service) watching(by string) string {
	s.t.Helper()
	answer := s.send(http.MethodGet, "/metrics", nil)
	defer answer.Body.Close()
	metrics, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	_, rest, _ := strings.Cut(string(metrics), `statusd_watchers{by="`+by+`"} `)
	count, _, _ := strings.Cut(rest, "\n")
	return count
}

// send sends a request that may do anything.
func (s *service) send(method, path string, form url.Values) *http.Response {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(form.Encode()))
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer "+s.root)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	return answer
}

// credentials is nil where nobody has to sign in.
func (s *service) credentials() api.Auth {
	if s.auth == nil {
		return nil
	}
	return s.auth
}

// report sends fields and their values in turn.
func (s *service) report(id string, pairs ...string) {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	answer := s.send(http.MethodPost, "/status/"+id, form)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, 2, answer.StatusCode/100, "%s", body)
}

// stall has a job report for a second without progress.
func (s *service) stall(id string) {
	s.t.Helper()
	s.report(id, "status", "in-progress", "progress", "3/10 epochs", "message", "loading shards")
	time.Sleep(1100 * time.Millisecond)
	s.report(id, "status", "in-progress")
}

func (s *service) delete(id string) {
	s.t.Helper()
	answer := s.send(http.MethodDelete, "/status/"+id, nil)
	answer.Body.Close()
	require.Equal(s.t, http.StatusNoContent, answer.StatusCode)
}
