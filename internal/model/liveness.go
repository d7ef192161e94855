package model

import "time"

// Liveness is how a running job looks by its silence. It is an observation and
// not a status: the next report makes the job live again.
type Liveness string

// What a running job can look like.
const (
	Live    Liveness = "live"
	Stalled Liveness = "stalled" // it reports, but its progress does not advance
	Late    Liveness = "late"
	Stale   Liveness = "stale"
)

// Livenesses are all of them, from the best to the worst.
var Livenesses = []Liveness{Live, Stalled, Late, Stale}

// Silence is after how long without a report a running job is late, and stale,
// unless it has promised by report_every how often it reports; and for how long
// its reports may tell of no progress before it is stalled, 0 for ever.
type Silence struct{ LateAfter, StaleAfter, StalledAfter time.Duration }

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
	case r.stalled(s.StalledAfter):
		return Stalled
	}
	return Live
}

// paces is how many times as long as its advances so far have taken a job may
// do without one.
const paces = 5

// stalled tells whether the last report found no progress since long before.
// What can't advance any more, or never has said how far it is, is not stalled;
// nor does an outage of ours make it so, without reports.
func (r Record) stalled(after time.Duration) bool {
	p := r.Progress
	if p == nil || after == 0 || p.Total != nil && p.Current >= *p.Total {
		return false
	}
	if p.Advances > 0 {
		after = max(after, paces*p.AdvancedAt.Sub(p.FirstAt)/time.Duration(p.Advances))
	}
	return r.UpdatedAt.Sub(p.AdvancedAt) >= after
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
