package model

import "time"

// Liveness is how a running job looks by its silence. It is an observation and
// not a status: the next report makes the job live again.
type Liveness string

// What a running job can look like.
const (
	Live  Liveness = "live"
	Late  Liveness = "late"
	Stale Liveness = "stale"
)

// Silence is after how long without a report a running job is late, and stale,
// unless it has promised by report_every how often it reports.
type Silence struct{ LateAfter, StaleAfter time.Duration }

// Liveness tells how a running job looks, and "" for one that is over. Silence
// counts from the last report, or from servingSince, the instant since which
// the caller could take reports without a break, if that is later.
func (r Record) Liveness(now, servingSince time.Time, s Silence) Liveness {
	if r.Status.Terminal() {
		return ""
	}
	late, stale := r.silent(servingSince, s)
	switch {
	case !now.Before(stale):
		return Stale
	case !now.Before(late):
		return Late
	}
	return Live
}

// LivenessChange returns the next instant at which silence changes the
// liveness, if it will.
func (r Record) LivenessChange(now, servingSince time.Time, s Silence) (time.Time, bool) {
	late, stale := r.silent(servingSince, s)
	switch {
	case r.Status.Terminal() || !now.Before(stale):
		return time.Time{}, false
	case !now.Before(late):
		return stale, true
	}
	return late, true
}

// silent returns the instants from which on the job is late and stale.
func (r Record) silent(servingSince time.Time, s Silence) (late, stale time.Time) {
	if r.ReportEvery > 0 {
		promised := time.Duration(r.ReportEvery) * time.Second
		s = Silence{LateAfter: 2 * promised, StaleAfter: 5 * promised}
	}
	since := latest(r.UpdatedAt, servingSince)
	return since.Add(min(s.LateAfter, s.StaleAfter)), since.Add(s.StaleAfter)
}
