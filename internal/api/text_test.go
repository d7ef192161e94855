package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
)

func TestOneLineTellsAPersonWhatCounts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	ten, hundred, code := 10.0, 100.0, int64(137)
	for want, r := range map[string]model.Record{
		"a  started  live, reported 4s ago": {Status: model.Started, Attempt: 1},
		"a  in-progress  30% (3/10 epochs)  attempt 2  live, reported 4s ago  about 3m left  loss 0.31": {
			Status: model.InProgress, Attempt: 2, Message: "loss 0.31",
			Progress: &model.Progress{
				Current: 3, Total: &ten, Unit: "epochs",
				FirstCurrent: 1, FirstAt: now.Add(-64 * time.Second), AdvancedAt: now.Add(-4 * time.Second),
			},
		},
		"a  in-progress  42%  live, reported 4s ago": {
			Status: model.InProgress, Attempt: 1, Progress: &model.Progress{Current: 42, Total: &hundred, Unit: "%"},
		},
		"a  in-progress  7 steps  live, reported 4s ago": {
			Status: model.InProgress, Attempt: 1, Progress: &model.Progress{Current: 7, Unit: "steps"},
		},
		"a  fail  ended 4s ago  OOM (exit code 137): out of memory": {
			Status: model.Fail, Attempt: 1, Error: &model.Error{Code: "OOM", Message: "out of memory", ExitCode: &code},
		},
		"a  fail  ended 4s ago  (exit code 137)": {
			Status: model.Fail, Attempt: 1, Error: &model.Error{ExitCode: &code},
		},
	} {
		r.RequestID, r.Timestamp, r.UpdatedAt = "a", now.Add(-4*time.Second), now.Add(-4*time.Second)
		liveness := model.Live
		if r.Status.Terminal() {
			liveness = ""
		}
		require.Equal(t, want, lineOf(r, liveness, now))
	}
}

func TestNextPollFollowsTheReports(t *testing.T) {
	t.Parallel()
	created := time.UnixMilli(1700000000000)
	record := func(reports int64, over time.Duration, promised int64) model.Record {
		return model.Record{
			CreatedAt: created, UpdatedAt: created.Add(over),
			Version: created.UnixMilli() + reports, ReportEvery: promised,
		}
	}
	require.Equal(t, 12, nextPoll(record(9, time.Second, 12)), "as promised")
	require.Equal(t, 30, nextPoll(record(9, time.Second, 3600)), "but nobody waits so long")
	require.Equal(t, 5, nextPoll(record(0, 0, 0)), "nothing is known")
	require.Equal(t, 10, nextPoll(record(6, time.Minute, 0)), "as it was so far")
	require.Equal(t, 1, nextPoll(record(1000, time.Second, 0)))
	require.Equal(t, 30, nextPoll(record(1, time.Hour, 0)))
}
