package watch

import (
	"context"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
)

const (
	countMost = 500             // running jobs that are looked at
	countKept = 5 * time.Second // for all who ask
	viewsMost = 10000           // whose counts are kept
)

// Counts is how many running jobs there are by liveness, of the newest 500.
type Counts struct {
	Live, Stalled, Late, Stale int
	More                       bool // than were counted
}

// View is a part of the jobs that somebody may see.
type View struct {
	Name   string // tells it from other views; "" for all jobs
	Owner  string // if they are one owner's
	Permit store.Permit
}

// counter keeps the last Counts of each view.
type counter struct {
	flights singleflight.Group
	kept    *otter.Cache[string, counted]
}

type counted struct {
	Counts
	until time.Time
}

func newCounter() counter {
	return counter{kept: otter.Must(&otter.Options[string, counted]{MaximumSize: viewsMost})}
}

// Running counts the running jobs of a view; what was counted in the last five
// seconds holds for all who ask. store.ErrUnavailable, or the context's error.
func (w *Watch) Running(ctx context.Context, v View) (Counts, error) {
	c := &w.counter
	if kept, ok := c.kept.GetIfPresent(v.Name); ok && w.clock().Before(kept.until) {
		return kept.Counts, nil
	}
	done := c.flights.DoChan(v.Name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.config.Timeout)
		defer cancel()
		counts, err := w.count(ctx, v)
		if err == nil {
			c.kept.Set(v.Name, counted{counts, w.clock().Add(countKept)})
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

func (w *Watch) count(ctx context.Context, v View) (Counts, error) {
	page, err := w.store.List(ctx, store.Filter{
		Statuses: []model.Status{model.Started, model.InProgress}, Owner: v.Owner, Permit: v.Permit, Limit: countMost,
	})
	c := Counts{More: page.NextCursor != ""}
	for _, r := range page.Items {
		switch w.store.Liveness(r) {
		case model.Live:
			c.Live++
		case model.Stalled:
			c.Stalled++
		case model.Late:
			c.Late++
		case model.Stale:
			c.Stale++
		}
	}
	return c, err
}
