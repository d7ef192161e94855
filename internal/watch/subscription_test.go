package watch

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/table/embedded"
)

// still is a configuration with which nothing is read but what is asked for.
var still = Config{Freshness: time.Hour, Timeout: time.Minute, Most: 1000}

// watcher is somebody who waits for changes.
type watcher struct {
	*Subscription
	t     *testing.T
	woken chan struct{}
}

func subscribe(t *testing.T, w *Watch, id string) *watcher {
	t.Helper()
	s, err := w.Subscribe(id)
	require.NoError(t, err)
	one := &watcher{s, t, make(chan struct{}, 1)}
	s.Notify(func() {
		select {
		case one.woken <- struct{}{}:
		default:
		}
	})
	return one
}

// first expects to be told what there is.
func (w *watcher) first() *State {
	w.t.Helper()
	state, err := w.First(w.t.Context(), false)
	require.NoError(w.t, err)
	return state
}

// wait waits to be woken for a state that was not seen.
func (w *watcher) wait() *State {
	w.t.Helper()
	for {
		select {
		case <-w.woken:
		case <-time.After(time.Minute):
			require.FailNow(w.t, "nobody wakes")
		}
		if state := w.Next(); state != nil {
			return state
		}
	}
}

// of returns a store of its own, that nobody else writes to.
func of(t *testing.T, c store.Config) *store.Store {
	engine, err := embedded.Open(filepath.Join(t.TempDir(), "statusd.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	c.Table, c.Exclusive = "jobs", true
	s, err := store.New(engine, c)
	require.NoError(t, err)
	require.NoError(t, s.CreateTable(t.Context()))
	return s
}

func TestAWriteOfThisReplicaWakesAllWhoWaitForItAtOnce(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	w := New(a, still)
	one, other, elsewhere := subscribe(t, w, "job"), subscribe(t, w, "job"), subscribe(t, w, "another")
	for _, each := range []*watcher{one, other, elsewhere} {
		require.Nil(t, each.first().Snapshot, "that there is none is known too")
		defer each.Close()
	}
	written := report(t, a, model.Started)
	seen := one.wait()
	require.Same(t, written, seen.Snapshot)
	require.Same(t, seen, other.wait(), "what is known is shared")
	require.NoError(t, a.Delete(t.Context(), "job", nil))
	require.Nil(t, one.wait().Snapshot)
	require.Nil(t, elsewhere.Next())
}

func TestNothingIsLostBetweenSubscribingAndTheFirstState(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	report(t, a, model.Started)
	w := New(a, still)
	one := subscribe(t, w, "job")
	defer one.Close()
	report(t, a, model.Success)
	require.Equal(t, model.Success, one.first().Snapshot.Status)
	require.Nil(t, one.Next(), "it is told once")
}

func TestAWriteDuringTheFirstReadIsNotLost(t *testing.T) {
	t.Parallel()
	e, a, b := replicas(t)
	report(t, b, model.Started)
	w := New(a, still)
	one := subscribe(t, w, "job")
	defer one.Close()
	h := e.hold()
	first := make(chan *State)
	go func() { first <- one.first() }()
	<-h.reached // the read has its answer, which is about to be the older one
	written := report(t, a, model.Success)
	close(h.release)
	state := <-first
	require.Same(t, written, state.Snapshot, "the read does not turn it back")
	require.Nil(t, one.Next())
}

func TestASlowWaiterIsToldOfTheNewestStateAlone(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	w := New(a, still)
	one := subscribe(t, w, "job")
	defer one.Close()
	one.first()
	for range 20 {
		report(t, a, model.Started)
		require.NoError(t, a.Delete(t.Context(), "job", nil))
	}
	newest := report(t, a, model.Success)
	require.Same(t, newest, one.Next().Snapshot)
	require.Nil(t, one.Next())
}

func TestAWriterDoesNotWaitForThoseWhoAreWoken(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	w := New(a, still)
	s, err := w.Subscribe("job")
	require.NoError(t, err)
	defer s.Close()
	release := make(chan struct{})
	defer close(release)
	s.Notify(func() { <-release })
	report(t, a, model.Started)
	report(t, a, model.Success)
	require.Equal(t, model.Success, s.Next().Snapshot.Status)
}

func TestAWriteThatIsToldLateDoesNotTurnTheStateBack(t *testing.T) {
	t.Parallel()
	_, a, b := replicas(t)
	w := New(a, still)
	early := report(t, a, model.Started)
	newest := report(t, b, model.Success)
	one := subscribe(t, w, "job")
	defer one.Close()
	state, err := one.First(t.Context(), true)
	require.NoError(t, err)
	require.Equal(t, newest.Version, state.Snapshot.Version)
	w.wrote("job", early)
	require.Nil(t, one.Next())
	last := report(t, a, model.Success)
	require.Equal(t, newest.Version, last.Version, "it changes nothing")
}

func TestSilenceIsToldWithoutAWriteAndOnceForAll(t *testing.T) {
	t.Parallel()
	a := of(t, store.Config{Silence: model.Silence{LateAfter: 100 * time.Millisecond, StaleAfter: 200 * time.Millisecond}})
	w := New(a, still)
	one, other := subscribe(t, w, "job"), subscribe(t, w, "job")
	defer one.Close()
	defer other.Close()
	one.first()
	other.first()
	written := report(t, a, model.Started)
	timer := func() *time.Timer {
		one.topic.mu.Lock()
		defer one.topic.mu.Unlock()
		return one.topic.timer
	}
	var timers []*time.Timer
	for state := one.wait(); ; state = one.wait() {
		timers = append(timers, timer())
		require.Same(t, written, state.Snapshot)
		if state.Liveness == model.Stale { // the others may have been missed on a slow machine
			require.GreaterOrEqual(t, time.Since(written.UpdatedAt), 200*time.Millisecond)
			require.Eventually(t, func() bool { next := other.Next(); return next == state }, time.Minute, time.Millisecond)
			break
		}
	}
	for _, each := range timers {
		require.Same(t, timers[0], each)
	}
	report(t, a, model.InProgress)
	require.Equal(t, model.Live, one.wait().Liveness)
}

func TestARecordThatIsPastItsTimeIsToldAsAbsent(t *testing.T) {
	t.Parallel()
	a := of(t, store.Config{Policy: model.Policy{Retention: time.Second, AbandonAfter: time.Hour}})
	w := New(a, still)
	one := subscribe(t, w, "job")
	defer one.Close()
	one.first()
	written := report(t, a, model.Success)
	require.Same(t, written, one.wait().Snapshot)
	require.Nil(t, one.wait().Snapshot)
	require.GreaterOrEqual(t, time.Now().Unix(), written.ExpiresAt)
}

func TestNoMoreThanTheMostMayWatch(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	w := New(a, Config{Freshness: time.Hour, Timeout: time.Minute, Most: 2})
	one := subscribe(t, w, "job")
	subscribe(t, w, "another").Close()
	subscribe(t, w, "job")
	_, err := w.Subscribe("job")
	require.ErrorIs(t, err, ErrFull)
	_, err = w.Await(t.Context(), "job", false, time.Minute, nil)
	require.ErrorIs(t, err, ErrFull)
	one.Close()
	subscribe(t, w, "job").Close()
}

func TestStoppingTellsAllWhoWaitAndWaitsUntilTheLastHasGone(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	w := New(a, still)
	one, other := subscribe(t, w, "job"), subscribe(t, w, "another")
	one.first()
	require.False(t, one.Stopping())
	w.Stop()
	w.Stop() // again is no harm
	for _, each := range []*watcher{one, other} {
		<-each.woken
		require.True(t, each.Stopping())
		require.Nil(t, each.Next(), "that is no change")
	}
	_, err := w.Subscribe("job")
	require.ErrorIs(t, err, ErrStopping)
	_, err = w.Await(t.Context(), "job", false, time.Minute, nil)
	require.ErrorIs(t, err, ErrStopping)

	one.Close()
	hurry, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, w.Wait(hurry), context.DeadlineExceeded)
	other.Close()
	require.NoError(t, w.Wait(t.Context()))
	_, err = w.Get(t.Context(), "job", true)
	require.ErrorIs(t, err, store.ErrNotFound, "reads go on")
}

func TestStoppingWaitsForNobodyWhereNobodyIs(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	w := New(a, still)
	subscribe(t, w, "job").Close()
	w.Stop()
	require.NoError(t, w.Wait(t.Context()))
}

// TestWatchersLeaveNothingBehind counts goroutines, and so is not run beside
// others.
func TestWatchersLeaveNothingBehind(t *testing.T) {
	_, a, _ := replicas(t)
	w := New(a, Config{Freshness: 10 * time.Millisecond, Timeout: time.Minute, Most: 1000})
	comeAndGo := func() {
		var group sync.WaitGroup
		for n := range 1000 {
			id := fmt.Sprintf("job-%d", n%50)
			group.Go(func() {
				s, err := w.Subscribe(id)
				if err == nil {
					defer s.Close()
					s.Notify(func() {})
					_, err = s.First(t.Context(), false)
				}
				if err == nil && n < 100 {
					_, err = a.Apply(t.Context(), id, model.Update{Status: model.Started}, store.When{})
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	comeAndGo() // the store opens what it keeps open
	before := runtime.NumGoroutine()
	comeAndGo()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "%d goroutines, and before %d", runtime.NumGoroutine(), before)
	}
	require.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return !w.polling
	}, 10*time.Second, time.Millisecond)
	requireNobody(t, w)
}

func TestClosingOneLeavesTheOthersWatching(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	w := New(a, still)
	var all []*watcher
	for range 5 {
		all = append(all, subscribe(t, w, "job"))
	}
	for _, gone := range []int{1, 4, 0} {
		all[gone].Close()
	}
	report(t, a, model.Started)
	for _, left := range []int{2, 3} {
		require.Equal(t, model.Started, all[left].wait().Snapshot.Status)
		all[left].Close()
	}
	for _, gone := range []int{1, 4, 0} {
		require.Empty(t, all[gone].woken)
	}
}

func requireNobody(t *testing.T, w *Watch) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Empty(t, w.topics)
	require.Empty(t, w.flights)
	require.Zero(t, w.watchers)
}

func TestADeleteDuringTheFirstReadIsNotTurnedBack(t *testing.T) {
	t.Parallel()
	e, _, b := replicas(t)
	report(t, b, model.Started) // by the process before this one
	a, err := store.New(e, store.Config{Table: "jobs", Exclusive: true})
	require.NoError(t, err)
	w := New(a, still)
	one := subscribe(t, w, "job")
	defer one.Close()
	h := e.hold()
	first := make(chan *State)
	go func() { first <- one.first() }()
	<-h.reached
	require.NoError(t, a.Delete(t.Context(), "job", nil))
	close(h.release)
	<-first
	require.Eventually(t, func() bool { return one.topic.state.Load().Snapshot == nil }, 3*time.Second, time.Millisecond)
}
