package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"

	"github.com/statusd/statusd/internal/auth"
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
	Delete(ctx context.Context, id string, permit store.Permit) error
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
	Running(ctx context.Context, v watch.View) (watch.Counts, error)
}

// Phase is how far the process is in its life.
type Phase int32

// A process goes through these in order.
const (
	Starting Phase = iota // the store is not prepared
	Serving
	Draining // still serving, but about to stop
)

// Config is what the API needs. All of it has to be given, but for Auth and
// what says who may come, and how often.
type Config struct {
	Store   Store
	Watch   Watch
	Auth    Auth // nil: everybody may do everything
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
	// AllowedOrigins are the sites whose pages may use this service, like
	// "https://jobs.example.com", or "*" for any, if they bring a token.
	AllowedOrigins []string
	// TrustedProxies are the networks whose word is taken for where a request
	// comes from, and whether by TLS.
	TrustedProxies []netip.Prefix
	Limits         Limits
	Version        string // of the program
}

type server struct {
	config  Config
	routes  *chi.Mux
	origin  *http.CrossOriginProtection
	proxied func(http.Handler) http.Handler // nil if no proxy is trusted
	limits  limits
	audit   zerolog.Logger // writes whatever the level of the log
}

// New returns the API.
func New(c Config) http.Handler { return newServer(c) }

func newServer(c Config) *server {
	s := &server{
		config: c, routes: chi.NewRouter(), origin: http.NewCrossOriginProtection(),
		limits: newLimits(c.Limits, c.Auth == nil), audit: c.Log.Level(zerolog.InfoLevel),
	}
	if len(c.TrustedProxies) > 0 {
		s.proxied = middleware.ClientIPFromXFF(texts(c.TrustedProxies)...)
	}
	s.routes.Use(s.observe)
	if len(c.AllowedOrigins) > 0 {
		s.routes.Use(s.shared())
	}
	s.routes.NotFound(s.admit(s.answer(s.noSuchRoute)).ServeHTTP)
	s.routes.MethodNotAllowed(s.admit(s.answer(s.methodNotAllowed)).ServeHTTP)
	s.routes.Group(func(r chi.Router) {
		r.Use(s.admit, s.guard)
		get(r, "/openapi.yaml", s.needs(auth.Read, s.openAPI))
		get(r, "/", s.page(web.Board))
		get(r, "/jobs/{request_id}", s.page(web.Job))
		get(r, "/assets/{digest}/{file}", s.answer(s.asset))
		get(r, "/session", s.needs(auth.Read, s.session))
		r.Post("/session", s.needs(auth.Read, s.signIn))
		r.Delete("/session", s.answer(s.signOut))
		r.Group(func(r chi.Router) {
			r.Use(s.afterStart)
			get(r, "/status", s.needs(auth.Read, s.list))
			get(r, "/status/{request_id}", s.needs(auth.Read, s.get))
			get(r, "/status/{request_id}/events", s.needs(auth.Read, s.events))
			r.Post("/status/{request_id}", s.needs(auth.Write, s.post))
			r.Post("/status/{request_id}/cancel", s.needs(auth.Write, s.cancel))
			r.Delete("/status/{request_id}", s.needs(auth.Admin, s.delete))
		})
	})
	// Probes and scrapers use whatever name or address they find us by; and
	// whatever else there is to do, probes are answered.
	get(s.routes, "/healthz", s.answer(s.healthz))
	get(s.routes, "/readyz", s.answer(s.readyz))
	get(s.routes.With(s.admit), "/metrics", s.needs(auth.Admin, s.metrics))
	return s
}

// get routes GET, and HEAD: net/http leaves out the body.
func get(r chi.Router, pattern string, h http.HandlerFunc) {
	r.Get(pattern, h)
	r.Head(pattern, h)
}

// texts are networks as the library wants them.
func texts(networks []netip.Prefix) []string {
	all := make([]string, len(networks))
	for i, network := range networks {
		all[i] = network.String()
	}
	return all
}

// guard keeps pages of other sites away.
func (s *server) guard(next http.Handler) http.Handler {
	return s.answer(func(x *exchange, r *http.Request) error {
		if !hostAllowed(r.Host, s.config.AllowedHosts) {
			return &fault{kind: hostNotAllowed, detail: "Its administrator can allow the name."}
		}
		// No page can have a token sent that it does not have itself; a cookie,
		// or nothing at all where nothing is asked for, any page can.
		if !x.byHeader && s.origin.Check(r) != nil {
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
