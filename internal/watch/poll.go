package watch

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	batchMost   = 100 // records read at once, as many as a BatchGetItem may
	batchesMost = 8   // under way at the same time
	// slowest is how often a record is read that has long been quiet.
	slowest = 5 * time.Second
	// patience is how many times its pace a record has been quiet: it is read
	// every second until ten have passed, and every five after fifty.
	patience = 10
)

// poll looks for the writes of other replicas, while somebody watches.
func (w *Watch) poll() {
	pass := time.NewTicker(max(w.config.Freshness, 10*time.Millisecond))
	defer pass.Stop()
	for {
		<-pass.C
		due, any := w.due()
		if !any {
			return
		}
		group, ctx := errgroup.WithContext(context.Background())
		group.SetLimit(batchesMost)
		for ids := range slices.Chunk(due, batchMost) {
			group.Go(func() error { return w.readMany(ctx, ids) })
		}
		_ = group.Wait() // the store's health is told elsewhere; the next pass tries again
	}
}

// due returns the records to be read in this pass, because after the next one
// would be too late. False if nobody watches: then polling has ended.
func (w *Watch) due() (ids []string, any bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.topics) == 0 {
		w.polling = false
		return nil, false
	}
	next := w.clock().Add(w.config.Freshness)
	for id, t := range w.topics {
		if t.due(next) {
			ids = append(ids, id)
		}
	}
	return ids, true
}

func (t *topic) due(next time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state.Load() == nil {
		return false // its first reader is reading it
	}
	freshness := t.watch.config.Freshness
	pace := min(max(next.Sub(t.changed)/patience, freshness), max(slowest, freshness))
	return t.seen.Add(pace).Before(next)
}

func (w *Watch) readMany(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, w.config.Timeout)
	defer cancel()
	order := w.order.Add(1)
	found, err := w.store.GetMany(ctx, ids)
	if err != nil {
		return err
	}
	for i, one := range found {
		w.read(order, ids[i], one.Snapshot, one.Err)
	}
	return nil
}
