// Package watch reads records for many at once: it alone knows who waits for
// which record, so that readers share the store's answers.
package watch

import (
	"context"
	"sync"
	"time"

	"github.com/statusd/statusd/internal/store"
)

// Watch serves readers of one store. See [New].
type Watch struct {
	store     *store.Store
	freshness time.Duration
	timeout   time.Duration
	clock     func() time.Time

	mu      sync.Mutex
	flights map[string]*flights
}

// flights are the reads of one record: the one under way, and the one that
// begins when it has ended, for those who came too late for it.
type flights struct {
	now, next *flight
	overtaken bool // by a write of this replica: the one under way may not show it
}

// flight is one read that several wait for.
type flight struct {
	done     chan struct{}
	snapshot *store.Snapshot
	err      error
}

// New returns a Watch. What this replica saw less than freshness ago is
// answered without a read; a read takes timeout at most.
func New(s *store.Store, freshness, timeout time.Duration) *Watch {
	w := &Watch{store: s, freshness: freshness, timeout: timeout, clock: time.Now, flights: make(map[string]*flights)}
	s.Observe(w.wrote)
	return w
}

// wrote is told of every write of this replica. From then on nobody is to see
// what was there before.
func (w *Watch) wrote(id string, _ *store.Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := w.flights[id]; f != nil {
		f.overtaken = true
	}
}

// Get returns a record that this replica wrote, or saw, less than the freshness
// ago, or else reads it; fresh asks for a strongly consistent read that begins
// after the call. Concurrent readers share one read. store.ErrNotFound,
// ErrCorrupt, ErrUnavailable, or the context's error.
func (w *Watch) Get(ctx context.Context, id string, fresh bool) (*store.Snapshot, error) {
	if !fresh {
		if seen, asOf, ok := w.store.Seen(id); ok && w.clock().Sub(asOf) < w.freshness {
			if seen == nil {
				return nil, store.ErrNotFound
			}
			return seen, nil
		}
	}
	f := w.join(ctx, id, fresh)
	select {
	case <-f.done:
		return f.snapshot, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// join returns the flight to wait for: the one under way, or, for a fresh read
// and after a write, one that has not begun.
func (w *Watch) join(ctx context.Context, id string, fresh bool) *flight {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.flights[id]
	switch {
	case f == nil:
		f = &flights{now: newFlight()}
		w.flights[id] = f
		go w.fly(context.WithoutCancel(ctx), id, f)
		return f.now
	case !fresh && !f.overtaken:
		return f.now
	case f.next == nil:
		f.next = newFlight()
	}
	return f.next
}

func newFlight() *flight { return &flight{done: make(chan struct{})} }

// fly reads until nobody waits for another read.
func (w *Watch) fly(ctx context.Context, id string, f *flights) {
	for flight := f.now; flight != nil; {
		readContext, cancel := context.WithTimeout(ctx, w.timeout)
		flight.snapshot, flight.err = w.store.Get(readContext, id)
		cancel()
		w.mu.Lock()
		close(flight.done)
		flight, f.now, f.next = f.next, f.next, nil
		f.overtaken = false
		if flight == nil {
			delete(w.flights, id)
		}
		w.mu.Unlock()
	}
}
