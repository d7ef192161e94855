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
	// doubtFor is how long a write may take that nobody waited for to its end.
	doubtFor = time.Minute
)

// startPolling needs mu.
func (w *Watch) startPolling() {
	if !w.polling {
		w.polling = true
		go w.poll()
	}
}

// poll looks for the writes of other replicas while somebody watches; and for
// those of this one whose outcome is not known.
func (w *Watch) poll() {
	pass := time.NewTicker(max(w.config.Freshness, 10*time.Millisecond))
	defer pass.Stop()
	for {
		<-pass.C
		due, looking := w.due()
		if !looking {
			return
		}
		var group errgroup.Group
		group.SetLimit(batchesMost)
		for ids := range slices.Chunk(due, batchMost) {
			group.Go(func() error { return w.readMany(ids) })
		}
		_ = group.Wait() // the store's health is told elsewhere; the next pass tries again
	}
}

// due returns the records to be read in this pass, because after the next one
// would be too late. False if there is nothing to look for: then polling has
// ended.
func (w *Watch) due() (ids []string, looking bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := w.clock().Add(w.config.Freshness)
	for id, t := range w.topics {
		due, looked := t.due(next)
		if due {
			ids = append(ids, id)
		}
		looking = looking || looked
	}
	w.polling = looking
	return ids, looking
}

// due tells whether the record is to be read, and whether it is looked for at
// all.
func (t *topic) due(next time.Time) (due, looked bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	freshness := t.watch.config.Freshness
	doubted := next.Add(-freshness).Before(t.doubted)
	switch {
	case t.watch.store.Exclusive() && !doubted:
		return false, false
	case t.state.Load() == nil:
		return false, true // its first reader is reading it
	case doubted:
		return true, true
	}
	pace := min(max(next.Sub(t.changed)/patience, freshness), max(slowest, freshness))
	return t.seen.Add(pace).Before(next), true
}

func (w *Watch) readMany(ids []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), w.config.Timeout)
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
