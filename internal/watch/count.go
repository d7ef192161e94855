package watch

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
)

const (
	countMost = 500             // running jobs that are looked at
	countKept = 5 * time.Second // for all who ask
)

// Counts is how many running jobs there are by liveness, of the newest 500.
type Counts struct {
	Live, Late, Stale int
	More              bool // than were counted
}

// counter keeps the last Counts.
type counter struct {
	flights singleflight.Group
	mu      sync.Mutex
	counts  Counts
	until   time.Time
}

// Running counts running jobs; what was counted in the last five seconds holds
// for all who ask. store.ErrUnavailable, or the context's error.
func (w *Watch) Running(ctx context.Context) (Counts, error) {
	c := &w.counter
	c.mu.Lock()
	counts, until := c.counts, c.until
	c.mu.Unlock()
	if w.clock().Before(until) {
		return counts, nil
	}
	done := c.flights.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.config.Timeout)
		defer cancel()
		counts, err := w.count(ctx)
		if err == nil {
			c.mu.Lock()
			c.counts, c.until = counts, w.clock().Add(countKept)
			c.mu.Unlock()
		}
		return counts, err
	})
	select {
	case result := <-done:
		return result.Val.(Counts), result.Err
	case <-ctx.Done():
		return Counts{}, ctx.Err()
	}
}

func (w *Watch) count(ctx context.Context) (Counts, error) {
	page, err := w.store.List(ctx, store.Filter{Statuses: []model.Status{model.Started, model.InProgress}, Limit: countMost})
	c := Counts{More: page.NextCursor != ""}
	for _, r := range page.Items {
		switch w.store.Liveness(r) {
		case model.Live:
			c.Live++
		case model.Late:
			c.Late++
		case model.Stale:
			c.Stale++
		}
	}
	return c, err
}
