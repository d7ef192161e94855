package store

import (
	"context"
	"errors"
	"sync"
	"time"
)

// outage is how long the store must have failed for this replica to count as
// having been unable to serve. A lost connection is not an outage.
const outage = time.Second

// readyFor is how long a sign of life, or its failure, is believed.
const readyFor = time.Second

// health is what this replica knows of its store from the calls it made.
type health struct {
	clock func() time.Time

	mu      sync.Mutex
	serving time.Time // since when
	failing time.Time // since when; zero while it answers
	last    time.Time // when something was last heard
	cause   error     // of the last failure; nil while it answers

	asking sync.Mutex
}

// newHealth begins as if in an outage: the first answer ends it.
func newHealth(clock func() time.Time) *health {
	now := clock()
	return &health{clock: clock, serving: now, failing: now, cause: errors.New("the store has not been asked yet")}
}

// note takes up the outcome of a call. A caller that gave up says nothing
// about the store.
func (h *health) note(ctx context.Context, err error) {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return
	}
	now := h.clock()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = now
	if errors.Is(err, ErrUnavailable) {
		h.cause = err
		if h.failing.IsZero() {
			h.failing = now
		}
		return
	}
	h.cause = nil
	if !h.failing.IsZero() && now.Sub(h.failing) >= outage {
		h.serving = now
	}
	h.failing = time.Time{}
}

// servingSince is when this replica last became able to serve: now, as long as
// it is not.
func (h *health) servingSince() time.Time {
	now := h.clock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.failing.IsZero() && now.Sub(h.failing) >= outage {
		return now
	}
	return h.serving
}

// ready returns the last outcome, or that of a ping where it is too old. Many
// who ask at once share one ping.
func (h *health) ready(ctx context.Context, ping func(context.Context) error) error {
	h.asking.Lock()
	defer h.asking.Unlock()
	h.mu.Lock()
	last, cause := h.last, h.cause
	h.mu.Unlock()
	if h.clock().Sub(last) < readyFor {
		return cause
	}
	err := ping(ctx)
	h.note(ctx, err)
	return err
}
