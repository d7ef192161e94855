package model

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// of is progress towards a total.
func of(current, total float64, unit string) *Progress {
	return &Progress{Current: current, Total: &total, Unit: unit}
}

func TestProgressIsReadFromText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]*Progress{
		"3":              {Current: 3},
		"0":              {},
		"3/10":           of(3, 10, ""),
		" 3 / 10 ":       of(3, 10, ""),
		"3/10 epoch":     of(3, 10, "epoch"),
		"3 epoch":        {Current: 3, Unit: "epoch"},
		"3/10 epochs of": of(3, 10, "epochs of"),
		"42%":            of(42, 100, "%"),
		"42.5 %":         of(42.5, 100, "%"),
		"1e3/2.5E+6":     of(1000, 2.5e6, ""),
		"0/0":            of(0, 0, ""),
		"11/10":          of(11, 10, ""),
	} {
		got, err := ParseProgress(text)
		require.NoError(t, err, text)
		require.Equal(t, *want, got, text)
	}
	for _, text := range []string{
		"", " ", "/", "3/", "/10", "3/10epoch", "1/2/3", "3 /x", "x", "-1", "+1", "1,000", "1_000", ".", "1.2.3",
		"0x10", "NaN", "Inf", "infinity", "1e999", "1/1e999", "%", "٣",
	} {
		_, err := ParseProgress(text)
		var invalid *ValidationError
		require.ErrorAs(t, err, &invalid, text)
		require.Equal(t, "progress", invalid.Problems[0].Field, text)
	}
}

func FuzzParseProgress(f *testing.F) {
	for _, seed := range []string{"3", "3/10", "3/10 epoch", "42%", "42 % x", "1e400", "1.2.3", "3 \x00", "3 \xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseProgress(text)
		if err != nil {
			require.ErrorAs(t, err, new(*ValidationError))
			return
		}
		require.False(t, math.IsInf(p.Current, 0) || !(p.Current >= 0))
		written := fmt.Sprintf("%g", p.Current)
		if p.Total != nil {
			require.False(t, math.IsInf(*p.Total, 0) || !(*p.Total >= 0))
			written += fmt.Sprintf("/%g", *p.Total)
		}
		if p.Unit != "" {
			written += " " + p.Unit
		}
		again, err := ParseProgress(written)
		require.NoError(t, err, written)
		require.Equal(t, p, again)
	})
}

func TestPercentIsRoundedDownToTenthsAndOnlyTheWholeIsAHundred(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		progress *Progress
		want     float64
	}{
		{of(0, 10, ""), 0},
		{of(1, 3, ""), 33.3},
		{of(2, 3, ""), 66.6},
		{of(29, 100, ""), 29},
		{of(32.3, 100, "%"), 32.3},
		{of(999.99, 1000, ""), 99.9},
		{of(1<<53-1, 1<<53, ""), 99.9},
		{of(math.Nextafter(10, 0), 10, ""), 99.9},
		{of(10, 10, ""), 100},
	} {
		got, ok := Record{Status: InProgress, Progress: c.progress}.Percent()
		require.True(t, ok)
		require.Equal(t, c.want, got, "%v of %v", c.progress.Current, *c.progress.Total)
	}
}

func TestPercentNeedsATotalUnlessTheJobSucceeded(t *testing.T) {
	t.Parallel()
	for _, p := range []*Progress{nil, {Current: 3}, of(0, 0, "")} {
		_, ok := Record{Status: InProgress, Progress: p}.Percent()
		require.False(t, ok)
	}
	for _, p := range []*Progress{{Current: 3}, of(0, 0, ""), of(3, 10, "")} {
		got, ok := Record{Status: Success, Progress: p}.Percent()
		require.True(t, ok)
		require.Equal(t, 100.0, got)
	}
	_, ok := Record{Status: Success}.Percent()
	require.False(t, ok, "there is no progress to be a percentage of")
	got, ok := Record{Status: Fail, Progress: of(3, 10, "")}.Percent()
	require.True(t, ok)
	require.Equal(t, 30.0, got)
}

func TestAnETAGoesOnAtThePaceOfTheAttempt(t *testing.T) {
	t.Parallel()
	report := func(r *Record, p *Progress, after time.Duration) *Record {
		next, _ := Merge(r, "job", Update{Status: InProgress, Attempt: 1, Progress: p}, start.Add(after), Policy{})
		return &next
	}
	r := report(nil, of(20, 100, "step"), 0)
	_, ok := r.ETA()
	require.False(t, ok, "nothing has grown")

	r = report(r, of(40, 100, "step"), 10*time.Second)
	eta, ok := r.ETA()
	require.True(t, ok)
	require.Equal(t, start.Add(40*time.Second), eta, "20 steps in 10 s, 60 to go")

	quiet := report(r, nil, 30*time.Second)
	quiet = report(quiet, of(40, 100, "step"), 35*time.Second)
	eta, _ = quiet.ETA()
	require.Equal(t, start.Add(40*time.Second), eta, "a heartbeat tells nothing new")

	longer := report(r, of(40, 120, "step"), 30*time.Second)
	eta, _ = longer.ETA()
	require.Equal(t, start.Add(50*time.Second), eta, "another total, the same pace")

	done := report(r, of(100, 100, "step"), 45*time.Second)
	eta, _ = done.ETA()
	require.Equal(t, start.Add(45*time.Second), eta)

	other := report(r, of(1, 10, "epoch"), 20*time.Second)
	_, ok = other.ETA()
	require.False(t, ok, "another unit starts anew")
	other = report(other, of(2, 10, "epoch"), 21*time.Second)
	eta, _ = other.ETA()
	require.Equal(t, start.Add(29*time.Second), eta)
}

func TestAnETAIsAbsentWhenItCannotBeTold(t *testing.T) {
	t.Parallel()
	paced := func(first, current, total float64, took time.Duration) *Progress {
		p := of(current, total, "")
		p.FirstCurrent, p.FirstAt, p.AdvancedAt = first, start, start.Add(took)
		return p
	}
	endless := paced(0, 1, 0, time.Second)
	endless.Total = nil
	for name, r := range map[string]Record{
		"no progress":         {Status: InProgress},
		"no total":            {Status: InProgress, Progress: endless},
		"no growth":           {Status: InProgress, Progress: paced(1, 1, 10, time.Second)},
		"grown in no time":    {Status: InProgress, Progress: paced(0, 1, 10, 0)},
		"a job that is over":  {Status: Success, Progress: paced(0, 1, 10, time.Second)},
		"more than ten years": {Status: InProgress, Progress: paced(0, 1, 400e6, time.Second)},
		"more than any time":  {Status: InProgress, Progress: paced(0, 1e-130, 1<<53, time.Hour)},
	} {
		_, ok := r.ETA()
		require.False(t, ok, name)
	}
	eta, ok := Record{Status: InProgress, Progress: paced(0, 3, 10, time.Second)}.ETA()
	require.True(t, ok)
	require.Equal(t, start.Add(3333*time.Millisecond), eta, "whole milliseconds, rounded down")
}
