package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table"
)

func TestAJobsLife(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)

	created := apply(t, s, "job", report(model.Started, 1, 0))
	require.Equal(t, model.Created, created.Outcome.Kind)
	require.True(t, created.Entered)
	require.Equal(t, clock.Now().UnixMilli(), created.Snapshot.Version)

	clock.advance(time.Minute)
	entered := apply(t, s, "job", report(model.InProgress, 1, 3))
	require.Equal(t, model.Applied, entered.Outcome.Kind)
	require.True(t, entered.Entered)

	clock.advance(time.Minute)
	beat := apply(t, s, "job", report(model.InProgress, 1, 4))
	require.Equal(t, model.Applied, beat.Outcome.Kind)
	require.False(t, beat.Entered)

	clock.advance(time.Minute)
	ended := apply(t, s, "job", report(model.Success, 1, 0))
	require.Equal(t, model.Applied, ended.Outcome.Kind)
	require.Equal(t, created.Snapshot.Version+3, ended.Snapshot.Version)

	late := apply(t, s, "job", report(model.InProgress, 1, 5))
	require.Equal(t, model.Unchanged, late.Outcome.Kind)
	require.Equal(t, ended.Snapshot.Record, late.Snapshot.Record)

	contradiction := apply(t, s, "job", report(model.Fail, 1, 0))
	require.Equal(t, model.Contradicts, contradiction.Outcome.Kind)
	require.Equal(t, model.ReasonTerminal, contradiction.Outcome.Reason)
	require.Equal(t, ended.Snapshot.Record, contradiction.Snapshot.Record)

	require.Equal(t, ended.Snapshot.Record, stored(t, e, clock, "job").Record)
}

func TestAHeartbeatOfAKnownJobIsOneRequest(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	apply(t, s, "job", report(model.InProgress, 1, 1))
	e.counted()
	for beat := range 10 {
		apply(t, s, "job", report(model.InProgress, 1, float64(beat+2)))
		require.Equal(t, map[string]int{"update": 1}, e.counted())
	}
}

func TestAWrongGuessCostsOneRequestMore(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	a, b := newStore(t, e, clock), newStore(t, e, clock)
	apply(t, a, "job", report(model.Started, 1, 0))
	e.counted()

	require.Equal(t, model.Applied, apply(t, b, "job", report(model.InProgress, 1, 1)).Outcome.Kind)
	require.Equal(t, map[string]int{"put": 1, "update": 1}, e.counted(), "a replica that never saw the job")

	for beat := range 6 {
		replica := []*Store{a, b}[beat%2]
		result := apply(t, replica, "job", report(model.InProgress, 1, float64(beat+2)))
		require.InDelta(t, beat+2, result.Snapshot.Progress.Current, 0)
		require.Equal(t, map[string]int{"update": 2}, e.counted(), "a replica whose cache is stale")
	}
}

func TestWhatWritesNothingIsNeverDecidedOnACachedRecord(t *testing.T) {
	t.Parallel()
	// Replica a has seen the job end; then another replica has it made anew.
	setUp := func(t *testing.T) (a *Store, version int64) {
		e, clock := newEngine(t), newTestClock()
		a, b := newStore(t, e, clock), newStore(t, e, clock)
		apply(t, a, "job", report(model.Success, 1, 0))
		require.NoError(t, b.Delete(t.Context(), "job", nil))
		clock.advance(time.Second)
		return a, apply(t, b, "job", report(model.Started, 1, 0)).Snapshot.Version
	}
	t.Run("unchanged", func(t *testing.T) {
		t.Parallel()
		a, version := setUp(t)
		result := apply(t, a, "job", report(model.InProgress, 1, 1))
		require.Equal(t, model.Applied, result.Outcome.Kind)
		require.Equal(t, version+1, result.Snapshot.Version)
	})
	t.Run("contradicts", func(t *testing.T) {
		t.Parallel()
		a, version := setUp(t)
		result := apply(t, a, "job", report(model.Fail, 1, 0))
		require.Equal(t, model.Applied, result.Outcome.Kind)
		require.Equal(t, version+1, result.Snapshot.Version)
	})
	t.Run("mismatch", func(t *testing.T) {
		t.Parallel()
		a, version := setUp(t)
		result, err := a.Apply(t.Context(), "job", report(model.InProgress, 1, 1), When{Versions: []int64{version}})
		require.NoError(t, err)
		require.Equal(t, version+1, result.Snapshot.Version)
	})
}

func TestPreconditions(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	try := func(status model.Status, w When) (Result, *MismatchError) {
		result, err := s.Apply(t.Context(), "job", report(status, 1, 0), w)
		var mismatch *MismatchError
		if !errors.As(err, &mismatch) {
			require.NoError(t, err)
		}
		return result, mismatch
	}
	_, mismatch := try(model.Started, When{Any: true})
	require.NotNil(t, mismatch)
	require.Nil(t, mismatch.Current)
	_, mismatch = try(model.Started, When{Versions: []int64{5}})
	require.NotNil(t, mismatch)

	first, mismatch := try(model.Started, When{New: true})
	require.Nil(t, mismatch)
	require.Equal(t, model.Created, first.Outcome.Kind)
	_, mismatch = try(model.Started, When{New: true})
	require.NotNil(t, mismatch)
	require.Equal(t, first.Snapshot.Record, mismatch.Current.Record)

	second, mismatch := try(model.InProgress, When{Versions: []int64{1, first.Snapshot.Version}})
	require.Nil(t, mismatch)
	_, mismatch = try(model.Success, When{Versions: []int64{first.Snapshot.Version}})
	require.NotNil(t, mismatch)
	require.Equal(t, second.Snapshot.Version, mismatch.Current.Version)

	_, mismatch = try(model.Success, When{Any: true})
	require.Nil(t, mismatch)
	unchanged, mismatch := try(model.Success, When{Versions: []int64{first.Snapshot.Version}})
	require.Nil(t, mismatch, "what changes nothing is answered all the same")
	require.Equal(t, model.Unchanged, unchanged.Outcome.Kind)
	_, mismatch = try(model.Success, When{New: true})
	require.NotNil(t, mismatch)
}

func TestALostAnswerIsToldFromAConflict(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"put", "update"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			e, clock := newEngine(t), newTestClock()
			s := newStore(t, e, clock)
			first := clock.Now().UnixMilli()
			if operation == "update" {
				apply(t, s, "job", report(model.Started, 1, 0))
				first++
			}
			e.after[operation] = lose
			result := apply(t, s, "job", report(model.InProgress, 1, 1))
			require.Equal(t, first, result.Snapshot.Version, "written once")
			require.Len(t, result.Snapshot.History, int(first-clock.Now().UnixMilli())+1)
			if operation == "put" {
				require.Equal(t, model.Created, result.Outcome.Kind)
			}
			require.Equal(t, result.Snapshot.Record, stored(t, e, clock, "job").Record)
		})
	}
}

func TestAfterALostAnswerAndALaterWriterTheUpdateIsMergedAgain(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	a, b := newStore(t, e, clock), newStore(t, e, clock)
	apply(t, a, "job", report(model.Started, 1, 0))
	e.after["update"] = func() error {
		apply(t, b, "job", report(model.Success, 1, 0))
		return errLost
	}
	result := apply(t, a, "job", report(model.InProgress, 1, 1))
	require.Equal(t, model.Unchanged, result.Outcome.Kind)
	require.Equal(t, model.Success, stored(t, e, clock, "job").Status)
}

func TestAWriteThatDidNotHappenIsTriedAgain(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	version := apply(t, s, "job", report(model.Started, 1, 0)).Snapshot.Version
	e.before["update"] = lose
	require.Equal(t, version+1, apply(t, s, "job", report(model.InProgress, 1, 1)).Snapshot.Version)
}

func TestAStoreThatIsAwayIsSaidToBe(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	apply(t, s, "job", report(model.Started, 1, 0))
	e.before["update"] = func() error { return errAway }
	_, err := s.Apply(t.Context(), "job", report(model.InProgress, 1, 1), When{})
	require.ErrorIs(t, err, ErrUnavailable)
	_, _, remembered := s.Seen("job")
	require.False(t, remembered, "what may be outdated is forgotten")
	require.Equal(t, model.Applied, apply(t, s, "job", report(model.InProgress, 1, 1)).Outcome.Kind)
}

func TestAWriterWhoseTurnDoesNotComeIsTold(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	unlock, err := s.lock(t.Context(), "job")
	require.NoError(t, err)
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = s.Apply(ctx, "job", report(model.Started, 1, 0), When{})
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestAJobMadeAnewNeverRepeatsAVersion(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	apply(t, s, "job", report(model.Started, 1, 0))
	last := apply(t, s, "job", report(model.InProgress, 1, 1)).Snapshot.Version
	require.NoError(t, s.Delete(t.Context(), "job", nil))
	require.ErrorIs(t, s.Delete(t.Context(), "job", nil), ErrNotFound)
	anew := apply(t, s, "job", report(model.Started, 1, 0))
	require.Equal(t, model.Created, anew.Outcome.Kind)
	require.Greater(t, anew.Snapshot.Version, last, "though the clock stands")
}

func TestARecordPastItsTimeIsAbsentEverywhere(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	a, b := newStore(t, e, clock), newStore(t, e, clock)
	old := apply(t, a, "job", report(model.Success, 3, 0)).Snapshot
	clock.advance(2 * time.Hour)

	for name, s := range map[string]*Store{"the replica that wrote it": a, "another one": b} {
		_, err := s.Get(t.Context(), "job")
		require.ErrorIs(t, err, ErrNotFound, name)
		require.ErrorIs(t, s.Delete(t.Context(), "job", nil), ErrNotFound, name)
		found, err := s.GetMany(t.Context(), []string{"job"})
		require.NoError(t, err)
		require.ErrorIs(t, found[0].Err, ErrNotFound, name)
		page, err := s.List(t.Context(), Filter{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, page.Items, name)
	}
	_, err := a.Apply(t.Context(), "job", report(model.Started, 1, 0), When{Any: true})
	require.ErrorAs(t, err, new(*MismatchError))
	anew := apply(t, a, "job", report(model.Started, 1, 0))
	require.Equal(t, model.Created, anew.Outcome.Kind)
	require.Greater(t, anew.Snapshot.Version, old.Version)
	require.Len(t, anew.Snapshot.History, 1)
}

func TestSeenNeverAnswersARecordPastItsTime(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock, func(c *Config) { c.Exclusive = true })
	apply(t, s, "job", report(model.Success, 1, 0))
	seen, asOf, ok := s.Seen("job")
	require.True(t, ok)
	require.Equal(t, clock.Now(), asOf)
	require.Equal(t, model.Success, seen.Status)
	clock.advance(2 * time.Hour)
	seen, _, ok = s.Seen("job")
	require.True(t, ok)
	require.Nil(t, seen)
}

func TestAReadThatBeganBeforeAWriteNeverReplacesIt(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	apply(t, s, "job", report(model.Started, 1, 0))

	e.after["get"] = func() error { // the read has its answer, but has not told it yet
		apply(t, s, "job", report(model.InProgress, 1, 1))
		return nil
	}
	found, err := s.Get(t.Context(), "job")
	require.NoError(t, err)
	require.Equal(t, model.Started, found.Status, "as it was while it was read")
	seen, _, _ := s.Seen("job")
	require.Equal(t, model.InProgress, seen.Status)

	e.after["get"] = func() error { return s.Delete(t.Context(), "job", nil) }
	_, err = s.Get(t.Context(), "job")
	require.NoError(t, err)
	seen, _, known := s.Seen("job")
	require.True(t, known)
	require.Nil(t, seen)
}

func TestADeleteWhoseAnswerIsLostNeverDeletesTheJobThatWasMadeAnew(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	a, b := newStore(t, e, clock), newStore(t, e, clock)
	apply(t, a, "job", report(model.Success, 1, 0))
	e.before["delete"] = func() error { // an earlier attempt has come through, whose answer was lost
		require.NoError(t, b.Delete(t.Context(), "job", nil))
		clock.advance(time.Second)
		apply(t, b, "job", report(model.Started, 1, 0))
		return errLost
	}
	require.ErrorIs(t, a.Delete(t.Context(), "job", nil), ErrUnavailable)
	require.Equal(t, model.Started, stored(t, e, clock, "job").Status)

	apply(t, b, "job", report(model.InProgress, 1, 1))
	require.NoError(t, a.Delete(t.Context(), "job", nil), "whoever wrote it last")
}

func TestAReadOfTheSameWriteKeepsTheEncodedForm(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	written := apply(t, s, "job", report(model.Started, 1, 0)).Snapshot
	clock.advance(time.Minute)
	found, err := s.Get(t.Context(), "job")
	require.NoError(t, err)
	require.Same(t, written, found)
	require.Equal(t, 1, found.Memo("live", func() any { return 1 }))
	require.Equal(t, 1, found.Memo("live", func() any { return 2 }))
	require.Equal(t, 3, found.Memo("late", func() any { return 3 }))
}

func TestTheObserverIsToldOfEveryWriteBeforeItsAuthor(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	var told []*Snapshot
	s := newStore(t, e, clock)
	s.Observe(func(id string, written *Snapshot) {
		require.Equal(t, "job", id)
		told = append(told, written)
	}, func(string) { require.Fail(t, "nothing is in doubt") })
	first := apply(t, s, "job", report(model.Started, 1, 0)).Snapshot
	second := apply(t, s, "job", report(model.Success, 1, 0)).Snapshot
	apply(t, s, "job", report(model.InProgress, 1, 0))
	require.NoError(t, s.Delete(t.Context(), "job", nil))
	require.Equal(t, []*Snapshot{first, second, nil}, told)
}

func TestWritersAtOneJobInOneReplicaDoNotConflict(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	version := apply(t, s, "job", report(model.Started, 1, 0)).Snapshot.Version
	e.counted()
	done := make(chan error)
	for worker := range 32 {
		go func() {
			_, err := s.Apply(t.Context(), "job", report(model.InProgress, 1, float64(worker)), When{})
			done <- err
		}()
	}
	for range 32 {
		require.NoError(t, <-done)
	}
	require.Equal(t, map[string]int{"update": 32}, e.counted())
	require.Equal(t, version+32, stored(t, e, clock, "job").Version)
}

func TestAnUnreadableRecordIsNeitherHiddenNorOverwritten(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	apply(t, s, "good", report(model.Started, 1, 0))
	putOlder(t, e, clock, "bad", "PAUSED", "2023-04-05 06:07:08")

	_, err := s.Get(t.Context(), "bad")
	require.ErrorIs(t, err, ErrCorrupt)
	_, err = s.Apply(t.Context(), "bad", report(model.Started, 1, 0), When{})
	require.ErrorIs(t, err, ErrCorrupt)
	var corrupt *table.CorruptError
	require.ErrorAs(t, err, &corrupt)
	require.Equal(t, "status", corrupt.Problem.Attribute)
	found, err := s.GetMany(t.Context(), []string{"bad", "good"})
	require.NoError(t, err)
	require.ErrorIs(t, found[0].Err, ErrCorrupt)
	require.Equal(t, model.Started, found[1].Snapshot.Status)
	require.NoError(t, s.Delete(t.Context(), "bad", nil))
}
