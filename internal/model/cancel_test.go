package model

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var wish = Update{Cancel: &Cancel{Reason: "too dear"}}

func TestACancelIsAWishAndNoReport(t *testing.T) {
	t.Parallel()
	start := time.UnixMilli(1_700_000_000_000).UTC()
	running, _ := Merge(nil, "job", Update{Status: InProgress, Attempt: 1}, start, Policy{AbandonAfter: time.Hour})
	asked, outcome := Merge(&running, "job", wish, start.Add(time.Minute), Policy{AbandonAfter: time.Hour})
	require.Equal(t, Applied, outcome.Kind)
	require.Equal(t, start.Add(time.Minute), asked.CancelRequestedAt)
	require.Equal(t, "too dear", asked.CancelReason)
	require.Equal(t, running.Version+1, asked.Version)

	same := asked
	same.CancelRequestedAt, same.CancelReason, same.Version = time.Time{}, "", running.Version
	require.Equal(t, running, same, "nothing else is touched: a job that is silent stays so")

	again, outcome := Merge(&asked, "job", Update{Cancel: &Cancel{Reason: "other"}}, start.Add(2*time.Minute), Policy{})
	require.Equal(t, Unchanged, outcome.Kind)
	require.Equal(t, asked, again, "the first one stays")
}

func TestACancelStaysUntilTheNextAttempt(t *testing.T) {
	t.Parallel()
	start := time.UnixMilli(1_700_000_000_000).UTC()
	r, _ := Merge(nil, "job", Update{Status: Started, Attempt: 1}, start, Policy{})
	r, _ = Merge(&r, "job", wish, start.Add(time.Second), Policy{})
	for _, u := range []Update{{Status: InProgress}, {Status: InProgress, Attempt: 1}, {Status: Fail, Attempt: 1}} {
		r, _ = Merge(&r, "job", u, start.Add(2*time.Second), Policy{})
		require.False(t, r.CancelRequestedAt.IsZero())
	}
	r, _ = Merge(&r, "job", Update{Status: Started, Attempt: 2}, start.Add(3*time.Second), Policy{})
	require.True(t, r.CancelRequestedAt.IsZero())
	require.Empty(t, r.CancelReason)
}

func TestWhatCannotBeCancelled(t *testing.T) {
	t.Parallel()
	start := time.UnixMilli(1_700_000_000_000).UTC()
	_, outcome := Merge(nil, "job", wish, start, Policy{})
	require.Equal(t, Outcome{Kind: Contradicts}, outcome, "there is no job")
	over, _ := Merge(nil, "job", Update{Status: Success}, start, Policy{Retention: time.Second})
	_, outcome = Merge(&over, "job", wish, start, Policy{})
	require.Equal(t, Outcome{Kind: Contradicts, Reason: ReasonTerminal}, outcome)
	_, outcome = Merge(&over, "job", wish, start.Add(time.Hour), Policy{})
	require.Equal(t, Outcome{Kind: Contradicts}, outcome, "it is past its time")
	second, _ := Merge(nil, "job", Update{Status: Started, Attempt: 2}, start, Policy{})
	_, outcome = Merge(&second, "job", Update{Attempt: 1, Cancel: &Cancel{}}, start, Policy{})
	require.Equal(t, Outcome{Kind: Contradicts, Reason: ReasonSuperseded}, outcome, "another worker has begun")
}

func TestACancelAndReportsMayComeInAnyOrder(t *testing.T) {
	t.Parallel()
	start := time.UnixMilli(1_700_000_000_000).UTC()
	updates := []Update{
		{Status: InProgress, Attempt: 1, Progress: &Progress{Current: 2}}, {Attempt: 1, Cancel: &Cancel{Reason: "x"}},
		{Status: InProgress, Attempt: 1, Progress: &Progress{Current: 5}}, {Status: Started, Attempt: 1},
	}
	first, _ := Merge(nil, "job", Update{Status: Started, Attempt: 1}, start, Policy{})
	var permute func(r Record, left []Update, n int)
	permute = func(r Record, left []Update, n int) {
		if len(left) == 0 {
			require.Equal(t, InProgress, r.Status)
			require.InDelta(t, 5, r.Progress.Current, 0)
			require.Equal(t, "x", r.CancelReason)
			require.False(t, r.CancelRequestedAt.IsZero())
			return
		}
		for i := range left {
			next, _ := Merge(&r, "job", left[i], start.Add(time.Duration(n)*time.Second), Policy{})
			permute(next, append(append([]Update{}, left[:i]...), left[i+1:]...), n+1)
		}
	}
	permute(first, updates, 1)
}

func TestStalledIsAJobWhoseReportsTellOfNoProgress(t *testing.T) {
	t.Parallel()
	start := time.UnixMilli(1_700_000_000_000).UTC()
	silence := Silence{LateAfter: 2 * time.Minute, StaleAfter: 10 * time.Minute, StalledAfter: 30 * time.Minute}
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	ten := 10.0
	beat := func(r *Record, minute int, current float64) Record {
		u := Update{Status: InProgress, Attempt: 1}
		if current >= 0 {
			u.Progress = &Progress{Current: current, Total: &ten}
		}
		next, _ := Merge(r, "job", u, at(minute), Policy{})
		return next
	}
	r := beat(nil, 0, 1)
	require.Equal(t, Live, r.Liveness(at(0), start, silence))
	r = beat(&r, 29, 1)
	require.Equal(t, Live, r.Liveness(at(29), start, silence))
	r = beat(&r, 30, -1)
	require.Equal(t, Stalled, r.Liveness(at(30), start, silence), "a beat without progress tells of none")
	require.Equal(t, Late, r.Liveness(at(33), start, silence), "silence is worse")
	require.Equal(t, Live, r.Liveness(at(30), start, Silence{LateAfter: time.Hour, StaleAfter: 2 * time.Hour}), "0 is for ever")
	r = beat(&r, 31, 2)
	require.Equal(t, Live, r.Liveness(at(31), start, silence))

	// Its pace is now one step in 31 minutes: five times that is later than 30.
	r = beat(&r, 31+154, 2)
	require.Equal(t, Live, r.Liveness(at(31+154), start, silence))
	r = beat(&r, 31+155, 2)
	require.Equal(t, Stalled, r.Liveness(at(31+155), start, silence))

	r = beat(&r, 200, 10)
	r = beat(&r, 10000, 10)
	require.Equal(t, Live, r.Liveness(at(10000), start, silence), "there is nothing to advance to")
	r, _ = Merge(&r, "job", Update{Status: Success}, at(10001), Policy{})
	require.Empty(t, r.Liveness(at(10001), start, silence))
	none := beat(nil, 0, -1)
	none = beat(&none, 10000, -1)
	require.Equal(t, Live, none.Liveness(at(10000), start, silence), "it never said how far it is")
}
