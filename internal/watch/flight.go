package watch

import (
	"context"

	"github.com/statusd/statusd/internal/store"
)

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
		order := w.order.Add(1)
		readContext, cancel := context.WithTimeout(ctx, w.config.Timeout)
		flight.snapshot, flight.err = w.store.Get(readContext, id)
		cancel()
		w.read(order, id, flight.snapshot, flight.err)
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
