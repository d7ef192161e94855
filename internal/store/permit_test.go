package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
)

// of permits the jobs of one owner, and new ones.
func of(owner string) Permit {
	return func(r *model.Record) bool { return r == nil || r.Owner == owner }
}

// owned is a report that names an owner.
func owned(status model.Status, owner string) model.Update {
	u := report(status, 1, 0)
	u.Owner = owner
	return u
}

// remade is a job that replica a has seen as one owner's, and that replica b
// has made anew as another's.
func remade(t *testing.T, first, second string) (e *engine, a *Store) {
	t.Helper()
	e, clock := newEngine(t), newTestClock()
	a, b := newStore(t, e, clock), newStore(t, e, clock)
	apply(t, a, "job", owned(model.Started, first))
	require.NoError(t, b.Delete(t.Context(), "job", nil))
	clock.advance(time.Second)
	apply(t, b, "job", owned(model.Started, second))
	e.counted()
	return e, a
}

func TestWhatIsPermittedIsJudgedOnTheRecordThatIsThere(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(s *Store) error{
		"heartbeat": func(s *Store) error {
			_, err := s.Apply(t.Context(), "job", report(model.InProgress, 1, 1), When{Permit: of("alice")})
			return err
		},
		"contradiction": func(s *Store) error {
			_, err := s.Apply(t.Context(), "job", owned(model.Started, "carol"), When{Permit: of("alice")})
			return err
		},
		"precondition": func(s *Store) error {
			_, err := s.Apply(t.Context(), "job", report(model.InProgress, 1, 1), When{New: true, Permit: of("alice")})
			return err
		},
		"delete": func(s *Store) error { return s.Delete(t.Context(), "job", of("alice")) },
	} {
		t.Run(name, func(t *testing.T) {
			_, a := remade(t, "alice", "bob")
			require.ErrorIs(t, write(a), ErrDenied, "it was alice's when this replica saw it")
			found, err := a.Get(t.Context(), "job")
			require.NoError(t, err)
			require.Equal(t, "bob", found.Owner)
		})
	}
	t.Run("the other way around", func(t *testing.T) {
		_, a := remade(t, "bob", "alice")
		result, err := a.Apply(t.Context(), "job", report(model.InProgress, 1, 1), When{Permit: of("alice")})
		require.NoError(t, err)
		require.Equal(t, model.Applied, result.Outcome.Kind)
		_, a = remade(t, "bob", "alice")
		require.NoError(t, a.Delete(t.Context(), "job", of("alice")))
	})
}

func TestAJobThatIsRemadeWhileItIsWrittenIsNotWritten(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(s *Store) error{
		"update": func(s *Store) error {
			_, err := s.Apply(t.Context(), "job", report(model.InProgress, 1, 1), When{Permit: of("alice")})
			return err
		},
		"delete": func(s *Store) error { return s.Delete(t.Context(), "job", of("alice")) },
	} {
		t.Run(name, func(t *testing.T) {
			e, clock := newEngine(t), newTestClock()
			a, b := newStore(t, e, clock), newStore(t, e, clock)
			apply(t, a, "job", owned(model.Started, "alice"))
			e.before[name] = func() error {
				require.NoError(t, b.Delete(t.Context(), "job", nil))
				clock.advance(time.Second)
				apply(t, b, "job", owned(model.Started, "bob"))
				return nil
			}
			require.ErrorIs(t, write(a), ErrDenied)
			found, err := a.Get(t.Context(), "job")
			require.NoError(t, err)
			require.Equal(t, model.Started, found.Status)
			require.Equal(t, "bob", found.Owner)
		})
	}
}

func TestARecordPastItsTimeKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	apply(t, s, "job", owned(model.Success, "bob"))
	clock.advance(1000 * time.Hour)
	result, err := s.Apply(t.Context(), "job", owned(model.Started, "alice"), When{Permit: of("alice")})
	require.NoError(t, err)
	require.Equal(t, model.Created, result.Outcome.Kind)
}

func TestADeniedWriteIsNoReasonToDoubtWhatIsKnown(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	apply(t, s, "job", owned(model.Started, "bob"))
	e.counted()
	for range 3 {
		_, err := s.Apply(t.Context(), "job", report(model.InProgress, 1, 1), When{Permit: of("alice")})
		require.ErrorIs(t, err, ErrDenied)
	}
	require.Equal(t, map[string]int{"get": 3}, e.counted(), "one consistent read each")
	apply(t, s, "job", report(model.InProgress, 1, 1))
	require.Equal(t, map[string]int{"update": 1}, e.counted())
}

func TestAListLeavesOutWhatIsNotPermittedWhateverItsCursorSays(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	for _, id := range []string{"a-1", "b-1", "a-2", "b-2", "a-3"} {
		apply(t, s, id, report(model.Started, 1, 0))
		clock.advance(time.Second)
	}
	begins := func(r *model.Record) bool { return r.RequestID[0] == 'a' }
	all, err := s.List(t.Context(), Filter{Limit: 1})
	require.NoError(t, err)
	page, err := s.List(t.Context(), Filter{Limit: 10, Cursor: all.NextCursor, Permit: begins})
	require.NoError(t, err)
	var ids []string
	for _, item := range page.Items {
		ids = append(ids, item.RequestID)
	}
	require.Equal(t, []string{"a-2", "a-1"}, ids)
}
