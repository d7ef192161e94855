package store

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/statusd/statusd/internal/table"
)

// Migration counts what became of the records of a table.
type Migration struct {
	Carried    int     // records of the older layout, now in the indexes
	Current    int     // records that were so already
	Overtaken  int     // records written, or deleted, by somebody else meanwhile
	Unreadable []error // records that can't be read as one, left as they are
}

// Seen is how many records have been looked at.
func (m Migration) Seen() int { return m.Carried + m.Current + m.Overtaken + len(m.Unreadable) }

// Migrate carries every record of the older layout into the present one and
// its indexes, its status and time unchanged. It may be run again, and beside
// replicas that serve; a record's retention begins with its migration.
// progress is told of every page's worth of records. ErrUnavailable.
func (s *Store) Migrate(ctx context.Context, progress func(Migration)) (Migration, error) {
	var m Migration
	for r, err := range s.table.Scan(ctx) {
		switch {
		case errors.Is(err, ErrCorrupt):
			m.Unreadable = append(m.Unreadable, err)
		case err != nil:
			return m, err
		case r.older == nil && r.StatusShard != "":
			m.Current++
		default:
			if err := s.carry(ctx, r, &m); err != nil {
				return m, err
			}
		}
		if m.Seen()%1000 == 0 {
			progress(m)
		}
	}
	return m, nil
}

// carry writes one record as it is, in the present layout.
func (s *Store) carry(ctx context.Context, r row, m *Migration) error {
	unlock, err := s.lock(ctx, r.RequestID)
	if err != nil {
		return err
	}
	defer unlock()
	after := r
	after.StatusShard = shardOf(r.Status, r.RequestID, s.config.Shards)
	before := r
	if r.older != nil {
		before = row{}
		after.ExpiresAt = s.expiry(r.Status.Terminal())
	}
	err = s.table.Replace(ctx, r.RequestID, before, after, r.lock()...)
	s.cache.forget(r.RequestID)
	switch {
	case err == nil:
		m.Carried++
	case errors.Is(err, table.ErrConflict), errors.Is(err, ErrNotFound):
		m.Overtaken++
	default:
		return err
	}
	return nil
}

// expiry returns the expires_at of a record whose time begins now; 0 is never.
func (s *Store) expiry(terminal bool) int64 {
	keep := s.config.Policy.AbandonAfter
	if terminal {
		keep = s.config.Policy.Retention
	}
	if keep == 0 {
		return 0
	}
	end := s.config.Clock().Add(keep)
	return int64(math.Ceil(float64(end.UnixMilli()) / float64(time.Second/time.Millisecond)))
}
