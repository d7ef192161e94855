package client_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/client"
	"github.com/statusd/statusd/internal/api"
	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/table/embedded"
	"github.com/statusd/statusd/internal/watch"
)

// service is a statusd with something in front that tests put there.
type service struct {
	*httptest.Server
	mu    sync.Mutex
	front func(w http.ResponseWriter, r *http.Request) (answered bool)
	asked []string // methods and paths
	conns []net.Conn
}

func start(t testing.TB) *service {
	t.Helper()
	engine, err := embedded.Open(filepath.Join(t.TempDir(), "statusd.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	records, err := store.New(engine, store.Config{
		Table: "jobs", Exclusive: true, Silence: model.Silence{LateAfter: 2 * time.Minute, StaleAfter: 10 * time.Minute},
		Policy: model.Policy{Retention: time.Hour, AbandonAfter: time.Hour},
	})
	require.NoError(t, err)
	require.NoError(t, records.CreateTable(t.Context()))
	handler := api.New(api.Config{
		Store:   records,
		Watch:   watch.New(records, watch.Config{Freshness: time.Second, Timeout: 10 * time.Second, Most: 1000}),
		Metrics: api.NewMetrics(prometheus.NewRegistry()), Log: zerolog.Nop(), Clock: time.Now,
		Phase: func() api.Phase { return api.Serving }, RequestTimeout: 10 * time.Second, Version: "test",
	})
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		front := s.front
		s.mu.Unlock()
		if front == nil || !front(w, r) {
			handler.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// behind has something answer first.
func (s *service) behind(front func(w http.ResponseWriter, r *http.Request) (answered bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.front = front
}

// times is how often something was asked.
func (s *service) times(request string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.asked {
		if one == request {
			n++
		}
	}
	return n
}

// cut ends all connections of its clients.
func (s *service) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		if conn != nil {
			conn.Close()
		}
	}
}

func (s *service) client(t testing.TB, options ...func(*client.Config)) *client.Client {
	t.Helper()
	config := client.Config{Server: s.URL, HTTP: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.conns = append(s.conns, conn)
			return conn, err
		},
	}}}
	for _, option := range options {
		option(&config)
	}
	c, err := client.New(config)
	require.NoError(t, err)
	t.Cleanup(config.HTTP.CloseIdleConnections)
	return c
}
