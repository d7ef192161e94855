// Package watch reads records for many at once: it alone knows who waits for
// which record, so that readers share the store's answers and hear of changes
// without asking.
package watch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statusd/statusd/internal/store"
)

// Why somebody can't be told of changes.
var (
	ErrFull     = errors.New("as many as possible are watching already")
	ErrStopping = errors.New("nobody is watched any more")
)

// Config is what a Watch needs to know.
type Config struct {
	Freshness time.Duration // what this replica saw less than this ago is answered without a read
	Timeout   time.Duration // of one read
	Most      int           // subscriptions at a time
}

// Watch serves readers of one store. See [New].
type Watch struct {
	store  *store.Store
	config Config
	clock  func() time.Time

	// order numbers what is learned of records: a read by when it began, a
	// write by when it was told.
	order    atomic.Uint64
	stopping atomic.Bool
	counter  counter

	mu       sync.Mutex // before a topic's
	flights  map[string]*flights
	topics   map[string]*topic
	polling  bool
	watchers int           // subscriptions
	idle     chan struct{} // closed when stopping and nobody is left
}

// New returns a Watch, which is told of the store's writes from then on.
func New(s *store.Store, c Config) *Watch {
	w := &Watch{
		store: s, config: c, clock: time.Now,
		counter: newCounter(), flights: make(map[string]*flights), topics: make(map[string]*topic), idle: make(chan struct{}),
	}
	s.Observe(w.wrote, w.doubt)
	return w
}

// Get returns a record that this replica wrote, or saw, less than the freshness
// ago, or else reads it; fresh asks for a strongly consistent read that begins
// after the call. Concurrent readers share one read. store.ErrNotFound,
// ErrCorrupt, ErrUnavailable, or the context's error.
func (w *Watch) Get(ctx context.Context, id string, fresh bool) (*store.Snapshot, error) {
	found, _, err := w.get(ctx, id, fresh)
	return found, err
}

// get tells as well as of when it is, if that was not read now.
func (w *Watch) get(ctx context.Context, id string, fresh bool) (_ *store.Snapshot, asOf time.Time, _ error) {
	if !fresh {
		if seen, asOf, ok := w.store.Seen(id); ok && w.clock().Sub(asOf) < w.config.Freshness {
			if seen == nil {
				return nil, asOf, store.ErrNotFound
			}
			return seen, asOf, nil
		}
	}
	f := w.join(ctx, id, fresh)
	select {
	case <-f.done:
		return f.snapshot, time.Time{}, f.err
	case <-ctx.Done():
		return nil, time.Time{}, ctx.Err()
	}
}

// wrote is told of every write of this replica: nil is a delete. From then on
// nobody is to see what was there before.
func (w *Watch) wrote(id string, written *store.Snapshot) {
	order := w.order.Add(1)
	w.mu.Lock()
	if f := w.flights[id]; f != nil {
		f.overtaken = true
	}
	t := w.topics[id]
	w.mu.Unlock()
	if t != nil {
		t.learn(order, written, true)
	}
}

// doubt is told of every write that may have happened, or may happen yet.
func (w *Watch) doubt(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.topics[id]; t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.doubted = w.clock().Add(doubtFor)
		w.startPolling()
	}
}

// read tells who watches a record what a read has found.
func (w *Watch) read(order uint64, id string, found *store.Snapshot, err error) {
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return // nothing was learned
	}
	w.mu.Lock()
	t := w.topics[id]
	w.mu.Unlock()
	if t != nil {
		t.learn(order, found, false)
	}
}

// Stop has everybody who waits told, so that they come to an end, and lets
// nobody wait any more. Reads go on.
func (w *Watch) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping.Swap(true) {
		return
	}
	for _, t := range w.topics {
		t.mu.Lock()
		t.announce()
		t.mu.Unlock()
	}
	if w.watchers == 0 {
		close(w.idle)
	}
}

// Wait waits, after Stop, until nobody waits any more.
func (w *Watch) Wait(ctx context.Context) error {
	select {
	case <-w.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
