package watch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/table"
)

const freshness = 50 * time.Millisecond

// polled is a configuration for which the writes of others are looked for.
var polled = Config{Freshness: freshness, Timeout: time.Minute, Most: 1000}

// batches counts what is read of many records at once, and can fail.
type batches struct {
	table.Engine
	away atomic.Bool
	mu   sync.Mutex
	keys []int // of each
}

func (b *batches) BatchGet(ctx context.Context, s *table.Schema, keys []types.AttributeValue, consistent bool) ([]table.Item, error) {
	b.mu.Lock()
	b.keys = append(b.keys, len(keys))
	b.mu.Unlock()
	if b.away.Load() {
		return nil, &table.UnavailableError{Table: s.Table, Operation: "BatchGetItem", Cause: errors.New("away")}
	}
	return b.Engine.BatchGet(ctx, s, keys, consistent)
}

// read returns how many keys each batch had.
func (b *batches) read() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]int(nil), b.keys...)
}

// await waits until there have been that many.
func (b *batches) await(t *testing.T, count int) {
	t.Helper()
	require.Eventually(t, func() bool { return len(b.read()) >= count }, time.Minute, time.Millisecond)
}

// others returns a replica whose batches are counted, and another one.
func others(t *testing.T) (counted *batches, a, b *store.Store) {
	e, _, b := replicas(t)
	counted = &batches{Engine: e}
	a, err := store.New(counted, store.Config{Table: "jobs"})
	require.NoError(t, err)
	return counted, a, b
}

// creeping is a clock by which all that is watched has changed only just now,
// so that every pass reads it.
func creeping() func() time.Time {
	start := time.Now()
	var steps atomic.Int64
	return func() time.Time { return start.Add(time.Duration(steps.Add(1))) }
}

func TestAWriteOfAnotherReplicaIsSeenByTheNextReadButOne(t *testing.T) {
	t.Parallel()
	counted, a, b := others(t)
	w := New(a, polled)
	one := subscribe(t, w, "job")
	defer one.Close()
	require.Nil(t, one.first().Snapshot)
	counted.await(t, 1)
	for _, status := range []model.Status{model.Started, model.Success} {
		report(t, b, status)
		written, before := time.Now(), len(counted.read())
		require.Equal(t, status, one.wait().Snapshot.Status)
		require.LessOrEqual(t, len(counted.read()), before+2, "one may have been under way")
		require.Less(t, time.Since(written), 10*freshness, "even where others use the processors too")
	}
	require.NoError(t, b.Delete(t.Context(), "job", nil))
	require.Nil(t, one.wait().Snapshot)
}

func TestAHundredRecordsAreOneReadPerFreshnessInterval(t *testing.T) {
	t.Parallel()
	counted, a, b := others(t)
	w := New(a, polled)
	w.clock = creeping()
	for n := range 100 {
		id := fmt.Sprintf("job-%d", n)
		_, err := b.Apply(t.Context(), id, model.Update{Status: model.Started}, store.When{})
		require.NoError(t, err)
		for range 3 { // many who watch one record are no more reads
			one := subscribe(t, w, id)
			one.first()
			defer one.Close()
		}
	}
	before := len(counted.read()) + 1 // one may be under way, and not have all of them
	began := time.Now()
	counted.await(t, before+5)
	took := time.Since(began)
	all := counted.read()
	for _, keys := range all[before:] {
		require.Equal(t, 100, keys)
	}
	require.LessOrEqual(t, len(all)-before, int(took/freshness)+2)
}

func TestMoreRecordsAreAsFewReadsAsPossible(t *testing.T) {
	t.Parallel()
	counted, a, _ := others(t)
	w := New(a, polled)
	w.clock = creeping()
	for n := range 250 {
		one := subscribe(t, w, fmt.Sprintf("job-%d", n))
		one.first()
		defer one.Close()
	}
	// From the first pass that has all of them on, three batches are a pass.
	var after []int
	require.Eventually(t, func() bool {
		after = counted.read()
		for len(after) >= 6 {
			if sum(after[:3]) == 250 && sum(after[3:6]) == 250 {
				return true
			}
			after = after[1:]
		}
		return false
	}, time.Minute, time.Millisecond)
	require.ElementsMatch(t, []int{100, 100, 50}, after[:3])
}

func sum(numbers []int) (total int) {
	for _, n := range numbers {
		total += n
	}
	return total
}

// dueBefore tells whether a record that is looked for has to be read before
// that instant.
func dueBefore(t *testing.T, of *topic, next time.Time) bool {
	due, looked := of.due(next)
	require.True(t, looked)
	return due
}

func TestAQuietRecordIsReadLessAndLessOften(t *testing.T) {
	t.Parallel()
	_, a, _ := others(t)
	now := time.Now()
	w := New(a, Config{Freshness: time.Second, Timeout: time.Minute, Most: 1})
	w.clock = func() time.Time { return now }
	quiet := &topic{watch: w, id: "job", changed: now, seen: now}
	require.False(t, dueBefore(t, quiet, now.Add(time.Hour)), "its first reader is reading it")
	quiet.state.Store(&State{})
	w.topics["job"] = quiet

	// gaps are how many passes apart the reads of so many passes are.
	gaps := func(passes int) (found []int) {
		last := 0
		for pass := 1; pass <= passes; pass++ {
			now = now.Add(time.Second)
			ids, any := w.due()
			require.True(t, any)
			if len(ids) > 0 {
				quiet.seen = now.Add(time.Millisecond) // a read takes a while
				found, last = append(found, pass-last), pass
			}
		}
		return found
	}
	require.Equal(t, []int{1, 1, 1, 1, 1, 1, 1, 1}, gaps(8), "as often as all")
	found := gaps(92)
	for i, gap := range found {
		require.LessOrEqual(t, gap, 5)
		if i > 0 {
			require.GreaterOrEqual(t, gap, found[i-1])
		}
	}
	require.Equal(t, 5, found[len(found)-1], "no less often than that")
	require.Less(t, len(found), 40)

	quiet.changed = now
	require.Equal(t, []int{1, 1, 1, 1, 1, 1, 1, 1}, gaps(8), "until it changes")
}

func TestARecordIsReadNoMoreOftenThanItHasToBeFresh(t *testing.T) {
	t.Parallel()
	_, a, _ := others(t)
	now := time.Now()
	w := New(a, Config{Freshness: time.Minute, Timeout: time.Minute, Most: 1})
	quiet := &topic{watch: w, id: "job", changed: now.Add(-time.Hour), seen: now}
	quiet.state.Store(&State{})
	require.False(t, dueBefore(t, quiet, now.Add(time.Minute)))
	require.True(t, dueBefore(t, quiet, now.Add(time.Minute+time.Millisecond)))
}

func TestAnExclusiveStoreIsNotPolled(t *testing.T) {
	t.Parallel()
	e, _, _ := replicas(t)
	counted := &batches{Engine: e}
	a, err := store.New(counted, store.Config{Table: "jobs", Exclusive: true})
	require.NoError(t, err)
	w := New(a, Config{Freshness: 10 * time.Millisecond, Timeout: time.Minute, Most: 1})
	one := subscribe(t, w, "job")
	defer one.Close()
	one.first()
	reads := e.reads.Load()
	time.Sleep(10 * w.config.Freshness)
	require.Empty(t, counted.read())
	require.Equal(t, reads, e.reads.Load())
	w.mu.Lock()
	defer w.mu.Unlock()
	require.False(t, w.polling)
}

func TestPollingEndsWhenNobodyWatchesAndBeginsAnew(t *testing.T) {
	t.Parallel()
	counted, a, b := others(t)
	w := New(a, polled)
	for _, status := range []model.Status{model.Started, model.Success} {
		one := subscribe(t, w, "job")
		one.first()
		counted.await(t, len(counted.read())+1)
		report(t, b, status)
		require.Equal(t, status, one.wait().Snapshot.Status)
		one.Close()
		require.Eventually(t, func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return !w.polling
		}, time.Minute, time.Millisecond)
		before := len(counted.read())
		time.Sleep(3 * freshness)
		require.Len(t, counted.read(), before)
	}
}

func TestPollingGoesOnAfterTheStoreWasAway(t *testing.T) {
	t.Parallel()
	counted, a, b := others(t)
	report(t, b, model.Started)
	w := New(a, polled)
	one := subscribe(t, w, "job")
	defer one.Close()
	one.first()
	counted.away.Store(true)
	report(t, b, model.Success)
	counted.await(t, len(counted.read())+3)
	require.Nil(t, one.Next(), "nothing was learned")
	counted.away.Store(false)
	require.Equal(t, model.Success, one.wait().Snapshot.Status)
}
