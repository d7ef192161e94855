package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
)

// post merges an update into a record.
func (s *server) post(x *exchange, r *http.Request) error {
	id, permit, err := x.written(r)
	if err != nil {
		return err
	}
	when, err := precondition(r.Header)
	if err != nil {
		return err
	}
	when.Permit = permit
	update, warnings, err := readUpdate(x, r)
	if err != nil {
		return err
	}
	if owner := x.caller.Bound.Owner; owner != "" {
		if update.Owner = cmp.Or(update.Owner, owner); update.Owner != owner {
			return x.outOfBounds()
		}
	}
	return s.apply(x, r, id, update, when, warnings)
}

// apply merges an update and answers with what has become of it.
func (s *server) apply(x *exchange, r *http.Request, id string, update model.Update, when store.When, warnings []string) error {
	ctx, cancel := s.writing(r)
	defer cancel()
	result, err := s.config.Store.Apply(ctx, id, update, when)
	var mismatch *store.MismatchError
	switch {
	case errors.As(err, &mismatch):
		return &fault{kind: versionMismatch, current: mismatch.Current}
	case err != nil:
		return err
	}
	outcome := result.Outcome
	s.config.Metrics.countUpdate(outcome)
	s.logTransition(x, result)

	h := x.Header()
	x.outcome = string(outcome.Kind)
	h.Set("Statusd-Outcome", x.outcome)
	if outcome.DroppedMetadata > 0 {
		warnings = append(warnings, fmt.Sprintf("metadata is full, %d keys dropped", outcome.DroppedMetadata))
	}
	if len(warnings) > 0 {
		h.Set("Statusd-Warning", strings.Join(warnings, "; "))
	}
	status := http.StatusOK
	switch outcome.Kind {
	case model.Contradicts:
		return &fault{
			kind:        kind(outcome.Reason),
			current:     result.Snapshot,
			allowed:     s.config.Store.Allowed(result.Snapshot, update),
			nextAttempt: result.Snapshot.NextAttempt(),
		}
	case model.Created:
		status = http.StatusCreated
		h.Set("Location", "/status/"+id) // its characters need no escape
	}
	s.writeRecord(x, r, status, result.Snapshot)
	return nil
}

// writing is the context of a write: it goes on when the client hangs up, so
// that what was begun is known to have ended.
func (s *server) writing(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), s.config.RequestTimeout)
}

// unconditional refuses preconditions, which what is asked does not heed.
func unconditional(h http.Header, reason string) error {
	for _, name := range []string{"If-Match", "If-None-Match"} {
		if len(h[name]) > 0 {
			return badHeader(name, errors.New(reason))
		}
	}
	return nil
}

// precondition reads If-Match and If-None-Match.
func precondition(h http.Header) (store.When, error) {
	match, err := parseTags(h["If-Match"])
	if err != nil {
		return store.When{}, badHeader("If-Match", err)
	}
	noneMatch, err := parseTags(h["If-None-Match"])
	switch {
	case err != nil, noneMatch.opaque != nil:
		return store.When{}, badHeader("If-None-Match", errors.New("must be * with POST"))
	case noneMatch.any && len(h["If-Match"]) > 0:
		return store.When{}, badHeader("If-None-Match", errors.New("can't hold together with If-Match"))
	}
	return store.When{Versions: match.versions(), Any: match.any, New: noneMatch.any}, nil
}

// logTransition tells of a status entered, or an attempt; heartbeats are many.
func (s *server) logTransition(x *exchange, result store.Result) {
	kind := result.Outcome.Kind
	if !result.Entered || kind != model.Created && kind != model.Applied {
		return
	}
	s.config.Log.Info().Str("request_id", result.Snapshot.RequestID).
		Str("status", string(result.Snapshot.Status)).Int64("attempt", result.Snapshot.Attempt).
		Int64("version", result.Snapshot.Version).Str("trace_id", x.trace.id).Msg("transition")
}
