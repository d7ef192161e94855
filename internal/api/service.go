package api

import (
	"context"
	"net/http"
	"time"

	"github.com/statusd/statusd"
)

// healthz tells that the process is up.
func (s *server) healthz(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, "application/json", struct {
		Status  string `json:"status"`
		Version string `json:"version"`
	}{"ok", s.config.Version})
	return nil
}

// pingTimeout is how long readyz waits for the store: probes are impatient.
const pingTimeout = 500 * time.Millisecond

// readyz tells whether to send requests here. A store that is away does not
// change that: it is away for every replica.
func (s *server) readyz(w http.ResponseWriter, r *http.Request) error {
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
		s.config.Log.Debug().Err(err).Str("trace_id", exchangeOf(r).trace.id).Msg("the store is not ready")
	}
	writeJSON(w, http.StatusOK, "application/json", struct {
		Status string `json:"status"`
		Store  string `json:"store"`
	}{"ready", state})
	return nil
}

// openAPI answers with the contract.
func (s *server) openAPI(w http.ResponseWriter, _ *http.Request) error {
	write(w, http.StatusOK, "application/yaml", statusd.OpenAPI)
	return nil
}
