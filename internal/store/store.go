package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table"
)

// Store is the status records of one table. See [New].
type Store struct {
	config  Config
	table   *table.Table[row]
	stripes *striped
	cache   *cache
	health  *health
	observe func(id string, written *Snapshot)
	doubt   func(id string)
}

// Config is what a Store needs to know.
type Config struct {
	Table   string
	Policy  model.Policy  // how long records are kept
	Silence model.Silence // when a running job counts as late or stale
	Shards  int           // of by_status; 1 if zero
	Clock   func() time.Time
	// Exclusive says that nobody else writes to the table, so that what this
	// replica saw last stays true.
	Exclusive bool
}

// New returns the store of a table in that engine. Nothing is sent.
func New(engine table.Engine, c Config) (*Store, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Shards == 0 {
		c.Shards = 1
	}
	t, err := table.New[row](engine, c.Table, table.WithClock(c.Clock))
	if err != nil {
		return nil, err
	}
	stripes := newStriped()
	return &Store{
		config: c, table: t, stripes: stripes,
		cache: newCache(stripes), health: newHealth(c.Clock),
		observe: func(string, *Snapshot) {}, doubt: func(string) {},
	}, nil
}

// Observe has every write that this replica makes told: one job's in their
// order, each before its author learns of it; nil is a delete. A write whose
// outcome is not known is told to doubt: it may have happened, or do so yet.
// Neither may block, and both have to be set before the first write.
func (s *Store) Observe(told func(id string, written *Snapshot), doubt func(id string)) {
	s.observe, s.doubt = told, doubt
}

// CreateTable makes the table be there. See [table.Table.CreateTable].
func (s *Store) CreateTable(ctx context.Context) error {
	err := s.table.CreateTable(ctx, table.Capacity{})
	s.health.note(ctx, err)
	return err
}

// Describe tells what the table is like. ErrNotFound if it is not there.
func (s *Store) Describe(ctx context.Context) (table.Description, error) {
	d, err := s.table.Describe(ctx)
	s.health.note(ctx, err)
	return d, err
}

// Check tells in what a table that was described is not the store's, as a
// *table.SchemaError.
func (s *Store) Check(d table.Description) error { return s.table.Schema().Check(d) }

// Get reads a record: a strongly consistent read that begins after the call.
// ErrNotFound, ErrCorrupt, ErrUnavailable.
func (s *Store) Get(ctx context.Context, id string) (*Snapshot, error) {
	found, err := s.read(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case found == nil || found.Expired(s.config.Clock()):
		return nil, ErrNotFound
	}
	return found, nil
}

// read returns nil for no record.
func (s *Store) read(ctx context.Context, id string) (*Snapshot, error) {
	began := s.config.Clock()
	offer := s.cache.reading(id, began)
	r, err := s.table.Get(ctx, id, table.Consistent())
	s.health.note(ctx, err)
	switch {
	case errors.Is(err, ErrNotFound):
		return offer(nil), nil
	case err != nil:
		return nil, err
	}
	return offer(&Snapshot{row: r}), nil
}

// Seen returns what this replica last saw of a job, or nil if that was no
// record; its own writes are in it. It was so at asOf or later: at this moment,
// where nobody else writes. False if this replica remembers nothing.
func (s *Store) Seen(id string) (snapshot *Snapshot, asOf time.Time, ok bool) {
	e, ok := s.cache.get(id)
	if !ok {
		return nil, time.Time{}, false
	}
	now := s.config.Clock()
	if s.config.Exclusive {
		e.asOf = now
	}
	snapshot = e.record()
	if snapshot != nil && snapshot.Expired(now) {
		snapshot = nil
	}
	return snapshot, e.asOf, true
}

// Found is one record of GetMany, or why there is none: ErrNotFound, or
// ErrCorrupt.
type Found struct {
	Snapshot *Snapshot
	Err      error
}

// GetMany reads many records at once, consistently, in the order of the ids.
func (s *Store) GetMany(ctx context.Context, ids []string) ([]Found, error) {
	keys := make([]any, len(ids))
	offers := make([]func(*Snapshot) *Snapshot, len(ids))
	began := s.config.Clock()
	for i, id := range ids {
		keys[i], offers[i] = id, s.cache.reading(id, began)
	}
	results, err := s.table.GetMany(ctx, keys, table.Consistent())
	s.health.note(ctx, err)
	if err != nil {
		return nil, err
	}
	found := make([]Found, len(ids))
	for i, result := range results {
		switch {
		case errors.Is(result.Err, ErrNotFound):
			offers[i](nil)
			found[i].Err = result.Err
		case result.Err != nil:
			found[i].Err = result.Err
		default:
			found[i].Snapshot = offers[i](&Snapshot{row: result.Record})
		}
	}
	return found, nil
}

// Delete removes a record, whatever its state. ErrNotFound, ErrDenied,
// ErrUnavailable; ErrCorrupt if nobody can tell whether it is permitted.
func (s *Store) Delete(ctx context.Context, id string, permit Permit) error {
	unlock, err := s.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	began := s.config.Clock()
	err = s.remove(ctx, id, permit)
	switch {
	case err == nil:
		s.cache.wrote(id, nil, began)
		s.observe(id, nil)
	case errors.Is(err, ErrNotFound):
		s.cache.wrote(id, nil, began)
	case errors.Is(err, ErrDenied):
	default:
		s.cache.forget(id)
		s.doubt(id)
	}
	return err
}

// remove deletes the record that was seen, and no other one: a request whose
// answer is lost is sent again, and would delete a job that was made anew in
// between.
func (s *Store) remove(ctx context.Context, id string, permit Permit) error {
	seen, _ := s.cache.get(id)
	current, err := seen.record(), error(nil)
	if current == nil || !permit.allows(current) {
		current, err = s.read(ctx, id)
	}
	for range writeTries {
		switch {
		case errors.Is(err, ErrCorrupt) && permit != nil:
			return err
		case errors.Is(err, ErrCorrupt): // nobody can tell one write of it from another
			_, err = s.table.Delete(ctx, id)
			s.health.note(ctx, err)
			if errors.Is(err, ErrCorrupt) {
				return nil // it is gone, though it could not be read
			}
			return err
		case err != nil:
			return err
		case current == nil:
			return ErrNotFound
		case !current.Expired(s.config.Clock()) && !permit.allows(current):
			return ErrDenied
		}
		_, err = s.table.Delete(ctx, id, current.lock()...)
		s.health.note(ctx, err)
		var conflict *table.ConflictError[row]
		switch {
		case err == nil:
			return nil
		case errors.As(err, &conflict):
			current, err = &Snapshot{row: conflict.Found}, nil
		}
	}
	return s.unavailable("deleting", errors.New("too many writers at one job"))
}

// lock waits for this replica's turn to write to a job.
func (s *Store) lock(ctx context.Context, id string) (unlock func(), err error) {
	unlock, err = s.stripes.of(id).lock(ctx)
	if err != nil {
		return nil, s.unavailable("waiting for earlier writes", err)
	}
	return unlock, nil
}

func (s *Store) unavailable(doing string, cause error) error {
	return &table.UnavailableError{Table: s.config.Table, Operation: doing, Cause: cause}
}

// Liveness tells how long a running job has been silent, outages of this
// replica left out; "" for one that is over.
func (s *Store) Liveness(snapshot *Snapshot) model.Liveness {
	return snapshot.Liveness(s.config.Clock(), s.health.servingSince(), s.config.Silence)
}

// Change returns the next instant at which silence changes a record's liveness,
// or age makes it absent, if nothing is written.
func (s *Store) Change(snapshot *Snapshot) (time.Time, bool) {
	at, ok := snapshot.LivenessChange(s.config.Clock(), s.health.servingSince(), s.config.Silence)
	if snapshot.ExpiresAt != 0 {
		if expiry := time.Unix(snapshot.ExpiresAt, 0); !ok || expiry.Before(at) {
			return expiry, true
		}
	}
	return at, ok
}

// Expired tells whether a record counts as absent because of its age.
func (s *Store) Expired(snapshot *Snapshot) bool { return snapshot.Expired(s.config.Clock()) }

// Exclusive tells whether nobody else writes to the table.
func (s *Store) Exclusive() bool { return s.config.Exclusive }

// Allowed returns the statuses that an update like this one could have now.
func (s *Store) Allowed(snapshot *Snapshot, u model.Update) []model.Status {
	return model.Allowed(snapshot.Record, u, s.config.Clock(), s.config.Policy)
}

// Ready tells whether the store answers: nil, or why not. It asks the store
// at most once a second.
func (s *Store) Ready(ctx context.Context) error {
	return s.health.ready(ctx, func(ctx context.Context) error {
		if err := s.table.Ping(ctx); err != nil {
			return fmt.Errorf("the store does not answer: %w", err)
		}
		return nil
	})
}
