package client_test

import (
	"context"
	"math"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/client"
)

// until waits for something to become true of a job's record.
func until(t *testing.T, c *client.Client, what func(client.Record) bool) client.Record {
	t.Helper()
	var record client.Record
	require.Eventually(t, func() bool {
		var err error
		record, err = c.Get(t.Context(), "a")
		return err == nil && what(record)
	}, 20*time.Second, 10*time.Millisecond)
	return record
}

func TestATrackedJobIsReported(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	job := c.Track("a", client.Tracking{Attempt: 7, Owner: "vision", Metadata: map[string]string{"commit": "abc"}})
	until(t, c, func(r client.Record) bool { return r.Status == client.Started && r.Metadata["commit"] == "abc" })
	for i := range 1000 {
		job.Progress(client.Progress{Current: float64(i), Total: 1000, Unit: "step"}, "loss 0.3")
	}
	running := until(t, c, func(r client.Record) bool { return r.Status == client.InProgress })
	require.Equal(t, "loss 0.3", running.Message)
	require.Equal(t, 30, running.ReportEvery, "twice the 15 s that are usual")
	job.Progress(client.Progress{Current: 1000, Total: 1000, Unit: "step"}, "")
	require.NoError(t, job.End(t.Context(), client.Update{Status: client.Success}))
	record := until(t, c, func(r client.Record) bool { return r.Terminal })
	require.EqualValues(t, 7, record.Attempt)
	require.Equal(t, "vision", record.Owner)
	require.InDelta(t, 1000, record.Progress.Current, 0)
	require.Len(t, record.History, 3)
	require.Equal(t, 3, s.times("POST /status/a"), "a fast loop costs a request in each interval")
}

func TestATrackedJobBeatsAsItsRecordAsks(t *testing.T) {
	t.Parallel()
	c := start(t).client(t)
	_, err := c.Report(t.Context(), "a", client.Update{Status: client.Started, Attempt: 1, ReportEvery: 1})
	require.NoError(t, err)
	job := c.Track("a", client.Tracking{Attempt: 1})
	first := until(t, c, func(r client.Record) bool { return r.Status == client.InProgress })
	require.Equal(t, 1, first.ReportEvery, "the promise stays as it was")
	until(t, c, func(r client.Record) bool { return r.Version > first.Version+2 })
	require.NoError(t, job.End(t.Context(), client.Update{Status: client.Success}))
}

func TestATrackedJobOutlivesAServiceThatIsAway(t *testing.T) {
	t.Parallel()
	s := start(t)
	away := func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	s.behind(away)
	troubles := make(chan error, 10)
	job := s.client(t).Track("a", client.Tracking{Every: 100 * time.Millisecond, Trouble: func(err error) { troubles <- err }})
	job.Progress(client.Progress{Current: 1}, "")
	require.Error(t, <-troubles)
	s.behind(nil)
	require.NoError(t, <-troubles, "once it is back")
	c := s.client(t)
	require.Len(t, until(t, c, func(r client.Record) bool { return r.Status == client.InProgress }).History, 2)
	s.behind(away)
	require.Error(t, <-troubles)
	time.AfterFunc(500*time.Millisecond, func() { s.behind(nil) })
	require.NoError(t, job.End(t.Context(), client.Update{Status: client.Success}), "it is tried again")
	require.Equal(t, client.Success, until(t, c, func(r client.Record) bool { return r.Terminal }).Status)
}

func TestTheEndOfATrackedJobTakesNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	s := start(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	var asked atomic.Int64
	s.behind(func(http.ResponseWriter, *http.Request) bool {
		asked.Add(1)
		<-release
		return true
	})
	job := s.client(t).Track("a", client.Tracking{})
	require.Eventually(t, func() bool { return asked.Load() > 0 }, 20*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	require.ErrorIs(t, job.End(ctx, client.Update{Status: client.Success}), context.DeadlineExceeded)
	require.Less(t, time.Since(began), 10*time.Second)
	require.EqualValues(t, 3, asked.Load(), "the start was tried once more, and then the end")
}

func TestATrackedJobLearnsThatItShouldStop(t *testing.T) {
	t.Parallel()
	c := start(t).client(t)
	job := c.Track("a", client.Tracking{Attempt: 3, Every: 20 * time.Millisecond})
	until(t, c, func(client.Record) bool { return true })
	_, err := c.Cancel(t.Context(), "a", "too dear", 3)
	require.NoError(t, err)
	select {
	case <-job.Cancelled():
	case <-time.After(20 * time.Second):
		require.FailNow(t, "it does not learn of it")
	}
	require.Equal(t, "too dear", job.CancelReason())
	require.NoError(t, job.End(t.Context(), client.Update{Status: client.Fail, Error: &client.Failure{Code: client.Cancelled}}))
}

func TestATrackedJobGivesWayToALaterAttempt(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	troubles := make(chan error, 10)
	job := c.Track("a", client.Tracking{Attempt: 3, Every: 20 * time.Millisecond, Trouble: func(err error) { troubles <- err }})
	until(t, c, func(client.Record) bool { return true })
	_, err := c.Report(t.Context(), "a", client.Update{Status: client.Started, Attempt: 4})
	require.NoError(t, err)
	require.ErrorIs(t, <-troubles, client.Superseded)
	asked := s.times("POST /status/a")
	require.ErrorIs(t, job.End(t.Context(), client.Update{Status: client.Success}), client.Superseded)
	require.Equal(t, asked, s.times("POST /status/a"), "it says nothing more")
}

func TestAnAttemptThatIsOverIsNotTrackedAgain(t *testing.T) {
	t.Parallel()
	c := start(t).client(t)
	_, err := c.Report(t.Context(), "a", client.Update{Status: client.Fail, Attempt: 1})
	require.NoError(t, err)
	troubles := make(chan error, 10)
	job := c.Track("a", client.Tracking{Attempt: 1, Trouble: func(err error) { troubles <- err }})
	require.EqualError(t, <-troubles, "attempt 1 has ended as fail already: a new try needs a higher number")
	require.ErrorIs(t, job.End(t.Context(), client.Update{Status: client.Success}), client.Terminal)
}

func TestNoProgressCanKeepAReportFromArriving(t *testing.T) {
	t.Parallel()
	c := start(t).client(t)
	job := c.Track("a", client.Tracking{})
	for _, p := range []client.Progress{
		{Current: math.NaN()}, {Current: -1}, {Current: math.Inf(1)}, {Current: 3, Total: 2}, {Current: 3, Total: math.NaN()},
		{Current: 4, Total: 10, Unit: "épochépochépochépochépochépochépoch"},
	} {
		job.Progress(p, "loss \x1b[31m\xff")
	}
	require.NoError(t, job.End(t.Context(), client.Update{Status: client.Success}))
	record := until(t, c, func(r client.Record) bool { return r.Terminal })
	require.InDelta(t, 4, record.Progress.Current, 0)
	require.Equal(t, "épochépochépochépochépoché", record.Progress.Unit)
}

func TestTheAttemptIsTheSchedulers(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		environment map[string]string
		id          string
		attempt     int64
	}{
		{nil, "", 1_800_000_000},
		{map[string]string{"AWS_BATCH_JOB_ID": "b", "AWS_BATCH_JOB_ATTEMPT": "2"}, "b", 2},
		{map[string]string{"SLURM_JOB_ID": "17"}, "17", 1},
		{map[string]string{"SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": "0"}, "17", 1},
		{map[string]string{"SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": "2"}, "17", 3},
		{map[string]string{"SLURM_JOB_ID": "18", "SLURM_ARRAY_JOB_ID": "17", "SLURM_ARRAY_TASK_ID": "4"}, "17_4", 1},
		{map[string]string{"STATUSD_REQUEST_ID": "a", "STATUSD_ATTEMPT": "9", "SLURM_JOB_ID": "17"}, "a", 9},
		{map[string]string{"STATUSD_ATTEMPT": "first", "TRAINING_JOB_NAME": "xgb"}, "xgb", 1_800_000_000},
		{map[string]string{"RAY_JOB_SUBMISSION_ID": "raysubmit_x"}, "raysubmit_x", 1_800_000_000},
	} {
		getenv := func(name string) string { return c.environment[name] }
		require.Equal(t, c.id, client.RequestID(getenv))
		require.Equal(t, c.attempt, client.Attempt(getenv, now), c.environment)
	}
}
