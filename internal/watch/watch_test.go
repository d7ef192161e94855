package watch

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/table"
	"github.com/statusd/statusd/internal/table/embedded"
)

// engine counts reads of one record, and can hold them.
type engine struct {
	table.Engine
	reads   atomic.Int64
	holding atomic.Pointer[hold]
}

// hold stops a read after it has its answer.
type hold struct{ reached, release chan struct{} }

func (e *engine) hold() *hold {
	h := &hold{make(chan struct{}), make(chan struct{})}
	e.holding.Store(h)
	return h
}

func (e *engine) Get(ctx context.Context, s *table.Schema, key types.AttributeValue, consistent bool) (table.Item, error) {
	e.reads.Add(1)
	item, err := e.Engine.Get(ctx, s, key, consistent)
	if h := e.holding.Swap(nil); h != nil {
		close(h.reached)
		<-h.release
	}
	return item, err
}

func replicas(t *testing.T) (e *engine, a, b *store.Store) {
	inner, err := embedded.Open(filepath.Join(t.TempDir(), "statusd.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, inner.Close()) })
	e = &engine{Engine: inner}
	for _, s := range []**store.Store{&a, &b} {
		*s, err = store.New(e, store.Config{Table: "jobs"})
		require.NoError(t, err)
		require.NoError(t, (*s).CreateTable(t.Context()))
	}
	return e, a, b
}

func report(t *testing.T, s *store.Store, status model.Status) *store.Snapshot {
	t.Helper()
	result, err := s.Apply(t.Context(), "job", model.Update{Status: status, Attempt: 1}, store.When{})
	require.NoError(t, err)
	return result.Snapshot
}

// read expects a record.
func read(t *testing.T, w *Watch, fresh bool) *store.Snapshot {
	found, err := w.Get(t.Context(), "job", fresh)
	require.NoError(t, err)
	return found
}

// nextIsWaitedFor waits until somebody waits for the read that is not begun.
func nextIsWaitedFor(t *testing.T, w *Watch) {
	require.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.flights["job"].next != nil
	}, time.Minute, time.Millisecond)
}

func TestManyReadersOfOneRecordCostOneReadPerFreshnessInterval(t *testing.T) {
	t.Parallel()
	e, a, b := replicas(t)
	report(t, a, model.Started)
	w := New(b, Config{Freshness: time.Hour, Timeout: time.Minute, Most: 1000})
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			found, err := w.Get(t.Context(), "job", false)
			require.NoError(t, err)
			require.Equal(t, model.Started, found.Status)
		})
	}
	group.Wait()
	require.EqualValues(t, 1, e.reads.Load())
}

func TestReadersOfARecordThatIsNotThereShareItsAbsence(t *testing.T) {
	t.Parallel()
	e, a, _ := replicas(t)
	w := New(a, Config{Freshness: time.Hour, Timeout: time.Minute, Most: 1000})
	for range 10 {
		_, err := w.Get(t.Context(), "job", false)
		require.ErrorIs(t, err, store.ErrNotFound)
	}
	require.EqualValues(t, 1, e.reads.Load())
	report(t, a, model.Started)
	found, err := w.Get(t.Context(), "job", false)
	require.NoError(t, err)
	require.Equal(t, model.Started, found.Status, "its own replica's write is seen at once")
	require.EqualValues(t, 1, e.reads.Load())
}

func TestAnotherReplicasWriteIsSeenWithinTheFreshness(t *testing.T) {
	t.Parallel()
	_, a, b := replicas(t)
	report(t, a, model.Started)
	w := New(a, Config{Freshness: 20 * time.Millisecond, Timeout: time.Minute, Most: 1000})
	written := time.Now()
	report(t, b, model.Success)
	for {
		began := time.Now()
		found, err := w.Get(t.Context(), "job", false)
		require.NoError(t, err)
		if found.Status == model.Success {
			return
		}
		require.Less(t, began.Sub(written), 40*time.Millisecond)
	}
}

func TestAFreshReadBeginsAfterItsRequestAndIsShared(t *testing.T) {
	t.Parallel()
	e, a, b := replicas(t)
	report(t, a, model.Started)
	w := New(b, Config{Freshness: time.Hour, Timeout: time.Minute, Most: 1000})
	h := e.hold()
	early := make(chan *store.Snapshot)
	get := func(to chan *store.Snapshot) { to <- read(t, w, true) }
	go get(early)
	<-h.reached
	report(t, a, model.Success)
	late := make(chan *store.Snapshot)
	const many = 50
	for range many {
		go get(late)
	}
	nextIsWaitedFor(t, w)
	close(h.release)
	require.Equal(t, model.Started, (<-early).Status)
	for range many {
		require.Equal(t, model.Success, (<-late).Status)
	}
	require.LessOrEqual(t, e.reads.Load(), int64(1+many))
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Empty(t, w.flights)
}

func TestAReaderIsNeverAnsweredOlderThanAWriteThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	e, a, b := replicas(t)
	report(t, b, model.Started)
	w := New(a, Config{Freshness: 0, Timeout: time.Minute, Most: 1000}) // what was written is no longer fresh
	h := e.hold()
	early := make(chan *store.Snapshot)
	get := func(to chan *store.Snapshot) { to <- read(t, w, false) }
	go get(early)
	<-h.reached
	report(t, a, model.Success)
	late := make(chan *store.Snapshot)
	go get(late)
	nextIsWaitedFor(t, w)
	close(h.release)
	require.Equal(t, model.Started, (<-early).Status)
	require.Equal(t, model.Success, (<-late).Status)
}

func TestAReaderWhoHangsUpDoesNotStopTheReadOfOthers(t *testing.T) {
	t.Parallel()
	e, a, b := replicas(t)
	report(t, a, model.Started)
	w := New(b, Config{Freshness: time.Hour, Timeout: time.Minute, Most: 1000})
	h := e.hold()
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := w.Get(ctx, "job", false)
		gone <- err
	}()
	<-h.reached
	found := make(chan error)
	go func() {
		_, err := w.Get(t.Context(), "job", false)
		found <- err
	}()
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled)
	close(h.release)
	require.NoError(t, <-found)
	require.EqualValues(t, 1, e.reads.Load())
}

func TestAFailedReadIsToldToAllWhoWaitedAndNotKept(t *testing.T) {
	t.Parallel()
	e, _, b := replicas(t)
	w := New(b, Config{Freshness: time.Hour, Timeout: time.Nanosecond, Most: 1000})
	_, err := w.Get(t.Context(), "job", false)
	if !errors.Is(err, store.ErrNotFound) { // the engine may answer before it looks at the clock
		require.ErrorIs(t, err, store.ErrUnavailable)
	}
	w.config.Timeout = time.Minute
	before := e.reads.Load()
	_, err = w.Get(t.Context(), "job", true)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Equal(t, before+1, e.reads.Load())
}
