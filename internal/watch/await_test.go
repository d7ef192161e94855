package watch

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
)

// is returns what waits for a status.
func is(status model.Status) func(*State) bool {
	return func(s *State) bool { return s.Snapshot != nil && s.Snapshot.Status == status }
}

func TestAwaitReturnsAtOnceWhatIsWaitedFor(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	report(t, a, model.Started)
	state, err := New(a, still).Await(t.Context(), "job", false, time.Hour, is(model.Started))
	require.NoError(t, err)
	require.Equal(t, model.Started, state.Snapshot.Status)
}

func TestAwaitReturnsTheFirstStateThatWillDo(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	w := New(a, still)
	looked := make(chan struct{}, 10)
	found := make(chan *State)
	go func() {
		state, err := w.Await(t.Context(), "job", false, time.Hour, func(s *State) bool {
			looked <- struct{}{}
			return is(model.Success)(s)
		})
		if err != nil {
			t.Error(err)
		}
		found <- state
	}()
	<-looked // there is none
	report(t, a, model.Started)
	<-looked
	written := report(t, a, model.Success)
	require.Same(t, written, (<-found).Snapshot)
	requireNobody(t, w)
}

func TestAwaitReturnsTheNewestStateWhenTheWaitIsOver(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	written := report(t, a, model.Started)
	w := New(a, still)
	began := time.Now()
	state, err := w.Await(t.Context(), "job", false, 50*time.Millisecond, is(model.Success))
	require.NoError(t, err)
	require.Same(t, written, state.Snapshot)
	require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
	requireNobody(t, w)
}

func TestAwaitEndsWithItsContextAndWithTheService(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	written := report(t, a, model.Started)
	w := New(a, still)
	gone := errors.New("gone")
	for _, end := range []struct {
		by   func(context.CancelCauseFunc)
		want error
	}{
		{func(cancel context.CancelCauseFunc) { cancel(gone) }, context.Canceled},
		{func(context.CancelCauseFunc) { w.Stop() }, nil},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		looked := make(chan struct{}, 10)
		ended := make(chan error)
		var state *State
		go func() {
			var err error
			state, err = w.Await(ctx, "job", false, time.Hour, func(*State) bool { looked <- struct{}{}; return false })
			ended <- err
		}()
		<-looked
		end.by(cancel)
		require.ErrorIs(t, <-ended, end.want)
		require.Same(t, written, state.Snapshot)
		requireNobody(t, w)
	}
}
