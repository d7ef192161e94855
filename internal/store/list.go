package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table"
)

const (
	// examinedMost is how many records one List looks at.
	examinedMost = 1000
	// batchMost is how many records one read of the table brings, as many as a
	// BatchGetItem may.
	batchMost = 100
	// queriesAtOnce is how many partitions of an index are read at once.
	queriesAtOnce = 16
)

// Filter is what a list is of. Its zero value is everything.
type Filter struct {
	Statuses []model.Status // any of these; none for all
	Owner    string
	Liveness model.Liveness // running jobs of that liveness
	Limit    int            // records in a page, at least 1
	Cursor   string         // of an earlier page of the same filter
	Permit   Permit         // leaves out what somebody may not see; no part of what a cursor is of
}

// Page is a part of a list, newest status first.
type Page struct {
	Items      []*Snapshot
	NextCursor string  // "" on the last page
	Unreadable []error // ErrCorrupt, for each record left out because of it
}

// List returns a page of records, newest status first. The page is short, or
// empty, if few of the examined records pass the filter: its cursor tells
// whether there are more. ErrCursor, ErrUnavailable.
func (s *Store) List(ctx context.Context, f Filter) (Page, error) {
	w, err := s.startWalk(f)
	if err != nil {
		return Page{}, err
	}
	var page Page
	seen := make(map[string]bool)
	for examined := 0; len(page.Items) < f.Limit && examined < examinedMost; {
		// Where a filter is likely to pass little, look at more at once.
		batch := f.Limit - len(page.Items)
		if examined > 0 {
			batch = batchMost
		}
		entries, err := w.next(ctx, min(batch, batchMost, examinedMost-examined))
		if err != nil {
			return Page{}, err
		}
		if len(entries) == 0 {
			break
		}
		found, err := s.GetMany(ctx, ids(entries))
		if err != nil {
			return Page{}, err
		}
		for i, one := range found {
			if len(page.Items) == f.Limit {
				w.unread(entries[i:])
				break
			}
			examined++
			switch {
			case errors.Is(one.Err, ErrCorrupt):
				page.Unreadable = append(page.Unreadable, one.Err)
			case one.Err == nil && !seen[one.Snapshot.RequestID] && s.passes(f, one.Snapshot):
				seen[one.Snapshot.RequestID] = true
				page.Items = append(page.Items, one.Snapshot)
			}
			w.consumed(entries[i])
		}
	}
	// An index may lag: order by what the records themselves say.
	slices.SortStableFunc(page.Items, func(a, b *Snapshot) int { return b.Timestamp.Compare(a.Timestamp) })
	page.NextCursor, err = w.cursor(ctx)
	return page, err
}

// passes applies the filter to a record as it is, whatever the index said.
func (s *Store) passes(f Filter, r *Snapshot) bool {
	return (len(f.Statuses) == 0 || slices.Contains(f.Statuses, r.Status)) &&
		(f.Owner == "" || f.Owner == r.Owner) &&
		(f.Liveness == "" || f.Liveness == s.Liveness(r)) && f.Permit.allows(r)
}

// indexEntry is one key that an index names.
type indexEntry struct {
	id        string
	timestamp time.Time
	from      *partition
}

func ids(entries []indexEntry) []string {
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = e.id
	}
	return all
}

// partition is one hash of an index, read from its newest entry on.
type partition struct {
	hash   string
	read   []indexEntry // read, but not yet taken by the walk
	cursor string       // where to read on
	ended  bool         // nothing beyond what is read
	lastID string       // the last consumed entry, and its timestamp
	lastAt time.Time
}

// walk merges the partitions of an index into one sequence, newest first.
type walk struct {
	store      *Store
	index      string
	filter     uint64 // hash of the filter, which its cursors are bound to
	limit      int    // entries to read at a time
	from       time.Time
	partitions []*partition
}

// startWalk begins a list, or goes on after its cursor.
func (s *Store) startWalk(f Filter) (*walk, error) {
	w := &walk{store: s, index: indexByStatus, filter: f.hash(), limit: min(f.Limit+1, batchMost)}
	if f.Owner != "" {
		w.index = indexByOwner
		w.partitions = []*partition{{hash: f.Owner}}
	} else {
		for _, status := range f.indexed() {
			for n := range s.config.Shards {
				w.partitions = append(w.partitions, &partition{hash: shardName(status, n)})
			}
		}
	}
	if f.Cursor == "" {
		return w, nil
	}
	return w, w.resume(f.Cursor)
}

// indexed returns the statuses whose partitions can hold what the filter asks.
func (f Filter) indexed() []model.Status {
	var wanted []model.Status
	for _, text := range model.Status("").Values() {
		status := model.Status(text)
		if f.Liveness != "" && status.Terminal() {
			continue
		}
		if len(f.Statuses) == 0 || slices.Contains(f.Statuses, status) {
			wanted = append(wanted, status)
		}
	}
	return wanted
}

// fill reads on in every partition that has nothing left to merge, so that the
// newest entry of all is among what was read.
func (w *walk) fill(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(queriesAtOnce)
	for _, p := range w.partitions {
		if len(p.read) == 0 && !p.ended {
			group.Go(func() error { return w.readOn(ctx, p) })
		}
	}
	return group.Wait()
}

func (w *walk) readOn(ctx context.Context, p *partition) error {
	for len(p.read) == 0 && !p.ended {
		query := table.Select{Index: w.index, Hash: p.hash, Limit: w.limit, Cursor: p.cursor}
		if p.cursor == "" && !w.from.IsZero() {
			query.From = w.from
		}
		page, err := w.store.table.Query(ctx, query)
		w.store.health.note(ctx, err)
		if err != nil {
			return err
		}
		for _, r := range page.Records {
			if r.Err != nil {
				return r.Err // the keys themselves are unreadable: no index of ours
			}
			p.read = append(p.read, indexEntry{r.Record.RequestID, r.Record.Timestamp, p})
		}
		p.cursor, p.ended = page.Cursor, page.Cursor == ""
	}
	return nil
}

// next takes up to n entries off the partitions, newest first.
func (w *walk) next(ctx context.Context, n int) ([]indexEntry, error) {
	var taken []indexEntry
	for len(taken) < n {
		if err := w.fill(ctx); err != nil {
			return nil, err
		}
		newest := w.newest()
		if newest == nil {
			break
		}
		taken = append(taken, newest.read[0])
		newest.read = newest.read[1:]
	}
	return taken, nil
}

// newest returns the partition whose next entry is the newest of all.
func (w *walk) newest() *partition {
	var best *partition
	for _, p := range w.partitions {
		if len(p.read) > 0 && (best == nil || p.read[0].timestamp.After(best.read[0].timestamp)) {
			best = p
		}
	}
	return best
}

// unread gives back entries that were taken, but not looked at.
func (w *walk) unread(entries []indexEntry) {
	for _, e := range slices.Backward(entries) {
		e.from.read = slices.Insert(e.from.read, 0, e)
	}
}

// consumed notes that the walk is past an entry.
func (w *walk) consumed(e indexEntry) {
	e.from.lastID, e.from.lastAt = e.id, e.timestamp
	w.from = e.timestamp
}
