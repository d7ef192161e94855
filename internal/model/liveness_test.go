package model

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var silence = Silence{LateAfter: 2 * time.Minute, StaleAfter: 10 * time.Minute}

func TestASilentJobIsLateAndThenStale(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		record      Record
		serving     time.Duration // since when, after start
		late, stale time.Duration // after start
	}{
		{"by default", Record{}, -time.Hour, 2 * time.Minute, 10 * time.Minute},
		{"by its own promise", Record{ReportEvery: 7}, -time.Hour, 14 * time.Second, 35 * time.Second},
		{"an outage of ours does not count", Record{}, time.Hour, 62 * time.Minute, 70 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := c.record
			r.Status, r.UpdatedAt = InProgress, start
			serving := start.Add(c.serving)
			for _, s := range []struct {
				at     time.Duration
				want   Liveness
				change time.Duration // 0 for none
			}{
				{-time.Minute, Live, c.late}, // the clock that wrote is ahead
				{0, Live, c.late},
				{c.late - 1, Live, c.late},
				{c.late, Late, c.stale},
				{c.stale - 1, Late, c.stale},
				{c.stale, Stale, 0},
				{1000 * time.Hour, Stale, 0},
			} {
				now := start.Add(s.at)
				require.Equal(t, s.want, r.Liveness(now, serving, silence), s.at)
				change, ok := r.LivenessChange(now, serving, silence)
				require.Equal(t, s.change != 0, ok, s.at)
				if ok {
					require.Equal(t, start.Add(s.change), change, s.at)
				}
			}
		})
	}
}

func TestAJobThatIsOverHasNoLiveness(t *testing.T) {
	t.Parallel()
	for _, status := range []Status{Success, Fail} {
		r := Record{Status: status, UpdatedAt: start}
		require.Empty(t, r.Liveness(start.Add(time.Hour), start, silence))
		_, ok := r.LivenessChange(start, start, silence)
		require.False(t, ok)
	}
}

func TestAJobThatGoesStaleBeforeItIsLateIsNeverLate(t *testing.T) {
	t.Parallel()
	s := Silence{LateAfter: time.Hour, StaleAfter: time.Minute}
	r := Record{Status: Started, UpdatedAt: start}
	change, ok := r.LivenessChange(start, start, s)
	require.True(t, ok)
	require.Equal(t, start.Add(time.Minute), change)
	require.Equal(t, Live, r.Liveness(change.Add(-1), start, s))
	require.Equal(t, Stale, r.Liveness(change, start, s))
}
