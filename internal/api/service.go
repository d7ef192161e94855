package api

import (
	"context"
	"net/http"
	"time"

	"github.com/statusd/statusd"
)

// healthz tells that the process is up.
func (s *server) healthz(x *exchange, _ *http.Request) error {
	x.writeJSON(http.StatusOK, struct {
		Status  string `json:"status"`
		Version string `json:"version"`
	}{"ok", s.config.Version})
	return nil
}

// pingTimeout is how long readyz waits for the store: probes are impatient.
const pingTimeout = 500 * time.Millisecond

// readyz tells whether to send requests here. A store that is away does not
// change that: it is away for every replica.
func (s *server) readyz(x *exchange, r *http.Request) error {
	switch s.config.Phase() {
	case Starting:
		return &fault{kind: starting}
	case Draining:
		return &fault{kind: draining}
	}
	ctx, cancel := context.WithTimeout(r.Context(), pingTimeout)
	defer cancel()
	state := "ok"
	if err := s.config.Store.Ready(ctx); err != nil {
		state = "unavailable"
		s.config.Log.Debug().Err(err).Str("trace_id", x.trace.id).Msg("the store is not ready")
	}
	x.writeJSON(http.StatusOK, struct {
		Status string `json:"status"`
		Store  string `json:"store"`
	}{"ready", state})
	return nil
}

// openAPI answers with the contract.
func (s *server) openAPI(x *exchange, _ *http.Request) error {
	x.write(http.StatusOK, "application/yaml", statusd.OpenAPI)
	return nil
}
