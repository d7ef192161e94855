package watch

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
)

func TestRunningJobsAreCountedOnceForAllWhoAsk(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	for i, status := range []model.Status{model.Started, model.InProgress, model.Success, model.Fail} {
		_, err := a.Apply(t.Context(), fmt.Sprint("job-", i), model.Update{Status: status}, store.When{})
		require.NoError(t, err)
	}
	w := New(a, Config{Freshness: time.Second, Timeout: time.Minute, Most: 10})
	now := time.Now()
	w.clock = func() time.Time { return now }
	count := func() Counts {
		c, err := w.Running(t.Context(), View{})
		require.NoError(t, err)
		return c
	}
	// This store has no silence to wait for: whatever runs is stale at once.
	require.Equal(t, Counts{Stale: 2}, count())
	report(t, a, model.Started)
	require.Equal(t, Counts{Stale: 2}, count(), "kept")
	now = now.Add(countKept)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { require.Equal(t, Counts{Stale: 3}, count()) })
	}
	group.Wait()
}

func TestMoreRunningJobsThanAreCounted(t *testing.T) {
	t.Parallel()
	_, a, _ := replicas(t)
	for i := range countMost + 1 {
		_, err := a.Apply(t.Context(), fmt.Sprint("job-", i), model.Update{Status: model.Started, ReportEvery: 60}, store.When{})
		require.NoError(t, err)
	}
	c, err := New(a, Config{Freshness: time.Second, Timeout: time.Minute, Most: 10}).Running(t.Context(), View{})
	require.NoError(t, err)
	require.Equal(t, Counts{Live: countMost, More: true}, c)
}
