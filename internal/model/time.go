package model

import "time"

// TimeLayout is how times are written: RFC 3339 in UTC, always with three
// decimals, so that they sort as text.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// FormatTime writes a time by [TimeLayout].
func FormatTime(t time.Time) string { return t.UTC().Format(TimeLayout) }

// latest returns the last of some instants.
func latest(t time.Time, others ...time.Time) time.Time {
	for _, o := range others {
		if o.After(t) {
			t = o
		}
	}
	return t
}
