package store

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table"
)

// writeTries bounds how often one update is tried against writers elsewhere.
// Each failure brings the record that won, so that two replicas alternate; it
// takes many of them to lose this often.
const writeTries = 64

// When is a precondition of an update. Its zero value always holds.
type When struct {
	Versions []int64 // the record has one of these versions
	Any      bool    // there is a record
	New      bool    // there is none
	Permit   Permit
}

// Permit tells whether somebody may write, given the record as it is, or nil
// for none: the very one that the write is conditioned on. A nil Permit allows
// everything.
type Permit func(current *model.Record) bool

func (p Permit) allows(current *Snapshot) bool {
	switch {
	case p == nil:
		return true
	case current == nil:
		return p(nil)
	}
	return p(&current.Record)
}

// admits tells whether the precondition holds for the record, or for none.
func (w When) admits(current *Snapshot) bool {
	switch {
	case current == nil:
		return len(w.Versions) == 0 && !w.Any
	case w.New:
		return false
	}
	return len(w.Versions) == 0 || slices.Contains(w.Versions, current.Version)
}

// Result is what became of an update.
type Result struct {
	Outcome  model.Outcome
	Snapshot *Snapshot // the record afterwards, or the one that it contradicts
	// Entered says that the job has entered a status, or an attempt, by this.
	Entered bool
}

// Apply merges an update into a job's record, durably. A contradiction is a
// Result. A *MismatchError is a precondition that does not hold (an update
// that would change nothing is unchanged all the same, unless only a new
// record would do). ErrDenied, ErrUnavailable, ErrCorrupt, ErrTooLarge.
func (s *Store) Apply(ctx context.Context, id string, u model.Update, when When) (Result, error) {
	unlock, err := s.lock(ctx, id)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	a := application{Store: s, id: id, update: u, when: when, writeID: rand.Text()}
	if seen, known := s.cache.get(id); known {
		a.guess(seen)
	}
	result, err := a.run(ctx)
	if err != nil && !errors.Is(err, ErrDenied) && !errors.As(err, new(*MismatchError)) {
		s.cache.forget(id)
		s.doubt(id)
	}
	return result, err
}

// application is one update on its way into the table.
type application struct {
	*Store
	id      string
	update  model.Update
	when    When
	writeID string

	current *Snapshot // the record to merge into; nil for none
	// certain says that current was found within this request, by a consistent
	// read or a failed condition. Only then may an outcome that writes nothing
	// rest on it.
	certain bool
	// floor is a record that was deleted: the next one's version is higher.
	floor *Snapshot
}

// guess starts from what this replica saw last.
func (a *application) guess(seen entry) {
	if seen.absent {
		a.floor = seen.snapshot
		return
	}
	a.current = seen.snapshot
}

func (a *application) run(ctx context.Context) (Result, error) {
	for try := range writeTries {
		if try > 2 {
			if err := pause(ctx, try); err != nil {
				return Result{}, a.unavailable("writing against other writers", err)
			}
		}
		now := a.config.Clock()
		result, after := a.merge(now)
		writes := result.Outcome.Kind == model.Created || result.Outcome.Kind == model.Applied
		mismatch := !a.when.admits(a.alive(now)) && (result.Outcome.Kind != model.Unchanged || a.when.New)
		denied := !a.when.Permit.allows(a.alive(now))
		if !writes || mismatch || denied {
			if !a.certain {
				if err := a.read(ctx); err != nil {
					return Result{}, err
				}
				continue
			}
			switch {
			case denied:
				return Result{}, ErrDenied
			case mismatch:
				return Result{}, &MismatchError{a.alive(now)}
			}
			return result, nil
		}
		written, err := a.write(ctx, after, now)
		if err != nil {
			return Result{}, err
		}
		if written != nil {
			a.cache.wrote(a.id, written, now)
			a.observe(a.id, written)
			result.Snapshot = written
			return result, nil
		}
	}
	return Result{}, a.unavailable("writing", errors.New("too many writers at one job"))
}

// alive is the current record, if it is not past its time.
func (a *application) alive(now time.Time) *Snapshot {
	if a.current == nil || a.current.Expired(now) {
		return nil
	}
	return a.current
}

// merge applies the rule to the current record.
func (a *application) merge(now time.Time) (Result, row) {
	var before *model.Record
	if a.current != nil {
		before = &a.current.Record
	}
	record, outcome := model.Merge(before, a.id, a.update, now, a.config.Policy)
	after := row{Record: record, WriteID: a.writeID}
	alive := a.alive(now)
	if alive == nil && a.floor != nil {
		after.Version = max(after.Version, a.floor.Version+1)
	}
	entered := alive == nil || alive.Status != record.Status || alive.Attempt != record.Attempt
	if !entered {
		after.StatusShard = alive.StatusShard
	}
	if after.StatusShard == "" {
		after.StatusShard = shardOf(record.Status, a.id, a.config.Shards)
	}
	return Result{Outcome: outcome, Snapshot: a.current, Entered: entered}, after
}

// read replaces a guess by what the store holds.
func (a *application) read(ctx context.Context) error {
	found, err := a.Store.read(ctx, a.id)
	if err != nil {
		return err
	}
	a.found(found)
	return nil
}

func (a *application) found(record *Snapshot) {
	if record == nil && a.current != nil {
		a.floor = a.current
	}
	a.current, a.certain = record, true
}

// write stores the row that the current record becomes, under the condition
// that this still is the current one. It returns neither a record nor an error
// if it was not: then what was found is current, and certain.
func (a *application) write(ctx context.Context, after row, now time.Time) (*Snapshot, error) {
	var err error
	if alive := a.alive(now); alive == nil {
		err = a.table.Create(ctx, after)
	} else {
		before := alive.row
		if before.older != nil {
			before = row{} // all of it is written anew
		}
		err = a.table.Replace(ctx, a.id, before, after, alive.lock()...)
	}
	a.health.note(ctx, err)

	var conflict *table.ConflictError[row]
	var away *table.UnavailableError
	switch {
	case err == nil:
		return &Snapshot{row: after}, nil
	case errors.As(err, &conflict) && conflict.Found.WriteID == a.writeID:
		// An answer was lost, and the write was sent again by the client below.
		return &Snapshot{row: conflict.Found}, nil
	case errors.As(err, &conflict):
		a.found(&Snapshot{row: conflict.Found})
		a.cache.wrote(a.id, a.current, now)
		return nil, nil
	case errors.Is(err, ErrNotFound):
		a.found(nil)
		a.cache.wrote(a.id, nil, now)
		return nil, nil
	case errors.As(err, &away) && away.Uncertain && ctx.Err() == nil:
		// The write may have happened: look. If not, trying again is safe, since
		// both tries are conditioned on the same record.
		if readErr := a.read(ctx); readErr != nil {
			return nil, err
		}
		if a.current != nil && a.current.WriteID == a.writeID {
			return a.current, nil
		}
		return nil, nil
	}
	return nil, err
}

// pause waits a little, longer with every try, so that writers elsewhere get
// out of step.
func pause(ctx context.Context, try int) error {
	longest := min(time.Duration(try)*2*time.Millisecond, 50*time.Millisecond)
	timer := time.NewTimer(mathrand.N(longest))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
