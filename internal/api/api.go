package api

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/watch"
	"github.com/statusd/statusd/internal/web"
)

// Store is what the API needs of a [store.Store]: writes, lists and how it is.
type Store interface {
	Apply(ctx context.Context, id string, u model.Update, when store.When) (store.Result, error)
	GetMany(ctx context.Context, ids []string) ([]store.Found, error)
	List(ctx context.Context, f store.Filter) (store.Page, error)
	Delete(ctx context.Context, id string) error
	Liveness(snapshot *store.Snapshot) model.Liveness
	Allowed(snapshot *store.Snapshot, u model.Update) []model.Status
	Ready(ctx context.Context) error
}

// Watch is what the API needs of a [watch.Watch]: reads of one record that many
// share, and word of its changes.
type Watch interface {
	Get(ctx context.Context, id string, fresh bool) (*store.Snapshot, error)
	Await(ctx context.Context, id string, fresh bool, wait time.Duration, will func(*watch.State) bool) (*watch.State, error)
	Subscribe(id string) (*watch.Subscription, error)
	Running(ctx context.Context) (watch.Counts, error)
}

// Phase is how far the process is in its life.
type Phase int32

// A process goes through these in order.
const (
	Starting Phase = iota // the store is not prepared
	Serving
	Draining // still serving, but about to stop
)

// Config is what the API needs. All of it has to be given, but AllowedHosts.
type Config struct {
	Store   Store
	Watch   Watch
	Metrics *Metrics
	Log     zerolog.Logger
	Clock   func() time.Time
	Phase   func() Phase
	// RequestTimeout bounds what a request asks of the store. A write has it
	// whether or not its client is still there.
	RequestTimeout time.Duration
	// AllowedHosts are the names that this service answers to, beside
	// localhost and addresses: "statusd.example.com", "*.example.com", "*".
	AllowedHosts []string
	Version      string // of the program
}

type server struct {
	config Config
	routes *chi.Mux
	origin *http.CrossOriginProtection
}

// New returns the API.
func New(c Config) http.Handler { return newServer(c) }

func newServer(c Config) *server {
	s := &server{config: c, routes: chi.NewRouter(), origin: http.NewCrossOriginProtection()}
	s.routes.Use(s.observe)
	s.routes.NotFound(s.answer(s.noSuchRoute))
	s.routes.MethodNotAllowed(s.answer(s.methodNotAllowed))
	s.routes.Group(func(r chi.Router) {
		r.Use(s.guard)
		get(r, "/openapi.yaml", s.answer(s.openAPI))
		get(r, "/", web.Board)
		get(r, "/jobs/{request_id}", web.Job)
		get(r, "/assets/{digest}/{file}", s.answer(s.asset))
		r.Group(func(r chi.Router) {
			r.Use(s.afterStart)
			get(r, "/status", s.answer(s.list))
			get(r, "/status/{request_id}", s.answer(s.get))
			get(r, "/status/{request_id}/events", s.answer(s.events))
			r.Post("/status/{request_id}", s.answer(s.post))
			r.Delete("/status/{request_id}", s.answer(s.delete))
		})
	})
	// Probes and scrapers use whatever name or address they find us by.
	get(s.routes, "/healthz", s.answer(s.healthz))
	get(s.routes, "/readyz", s.answer(s.readyz))
	get(s.routes, "/metrics", c.Metrics.handler().ServeHTTP)
	return s
}

// get routes GET, and HEAD: net/http leaves out the body.
func get(r chi.Router, pattern string, h http.HandlerFunc) {
	r.Get(pattern, h)
	r.Head(pattern, h)
}

// guard keeps pages of other sites away.
func (s *server) guard(next http.Handler) http.Handler {
	return s.answer(func(x *exchange, r *http.Request) error {
		if !hostAllowed(r.Host, s.config.AllowedHosts) {
			return &fault{kind: hostNotAllowed, detail: "Its administrator can allow the name."}
		}
		if err := s.origin.Check(r); err != nil {
			return &fault{kind: crossOrigin}
		}
		next.ServeHTTP(x, r)
		return nil
	})
}

// afterStart answers requests for records only once the store is prepared.
func (s *server) afterStart(next http.Handler) http.Handler {
	return s.answer(func(x *exchange, r *http.Request) error {
		if s.config.Phase() == Starting {
			return &fault{kind: starting}
		}
		next.ServeHTTP(x, r)
		return nil
	})
}

func (s *server) noSuchRoute(_ *exchange, _ *http.Request) error {
	return &fault{kind: noSuchRoute}
}

func (s *server) methodNotAllowed(_ *exchange, r *http.Request) error {
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
		if s.routes.Match(chi.NewRouteContext(), method, path) {
			allowed = append(allowed, method)
		}
	}
	return &fault{kind: methodNot, header: http.Header{"Allow": {join(allowed)}}}
}
