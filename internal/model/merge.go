package model

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"time"
)

// Bounds of a record.
const (
	maxMetadata = 32 // keys
	maxHistory  = 32 // entries
)

// Kind is what an update did.
type Kind string

// What an update can do. The last two leave the record as it was.
const (
	Created     Kind = "created"
	Applied     Kind = "applied"
	Unchanged   Kind = "unchanged"
	Contradicts Kind = "contradicts"
)

// Reason is why an update contradicts a record.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	ReasonOwner      Reason = "owner"      // the job is another owner's
	ReasonSuperseded Reason = "superseded" // by a later attempt: the worker should stop
	ReasonTerminal   Reason = "terminal"   // the attempt is over, and not in this way
)

// Outcome is what became of an update.
type Outcome struct {
	Kind            Kind
	Reason          Reason // with Contradicts only
	DroppedMetadata int    // keys that found no place
}

// Policy is how long records are kept.
type Policy struct {
	Retention    time.Duration // of a job that is over; 0 is for ever
	AbandonAfter time.Duration // of a running job, since its last report; 0 is for ever
}

// expiry is when a record with this status, reported at an instant, stops
// counting: epoch seconds, rounded up.
func (p Policy) expiry(s Status, at time.Time) int64 {
	keep := p.AbandonAfter
	if s.Terminal() {
		keep = p.Retention
	}
	if keep == 0 {
		return 0
	}
	return at.Add(keep).Add(time.Second - 1).Unix()
}

// Merge applies a normalized update to the record of job id: cur, or nil if
// there is none. A record past its time counts as none, except that the
// version goes on growing from there. It changes neither cur nor what u points
// to; the result may share with cur what stays the same.
func Merge(cur *Record, id string, u Update, now time.Time, p Policy) (Record, Outcome) {
	now = now.UTC().Truncate(time.Millisecond)
	if u.Cancel != nil {
		return cancel(cur, u, now)
	}
	if cur == nil || cur.Expired(now) {
		next := Record{RequestID: id, CreatedAt: now, Version: now.UnixMilli()}
		if cur != nil {
			next.Version = max(next.Version, cur.Version+1)
		}
		next.enter(u, cmp.Or(u.Attempt, 1), now)
		return next, Outcome{Kind: Created, DroppedMetadata: next.report(u, now, p)}
	}

	attempt := cmp.Or(u.Attempt, cur.Attempt)
	switch {
	case u.Owner != "" && cur.Owner != "" && u.Owner != cur.Owner:
		return *cur, Outcome{Kind: Contradicts, Reason: ReasonOwner}
	case attempt < cur.Attempt:
		return *cur, Outcome{Kind: Contradicts, Reason: ReasonSuperseded}
	}

	next := *cur
	// A replica's clock may be behind the one that wrote last.
	at := latest(now, cur.Timestamp, cur.UpdatedAt)
	switch {
	case attempt > cur.Attempt:
		// report_every stays, like owner: it is the job's promise.
		next.Progress, next.Message, next.Error = nil, "", nil
		next.CancelRequestedAt, next.CancelReason = time.Time{}, ""
		next.enter(u, attempt, at)
	case !cur.Status.Terminal():
		if cur.Status.later(u.Status) {
			next.enter(u, attempt, at)
		}
	case u.Status == cur.Status:
		dropped := next.fill(u, at)
		if reflect.DeepEqual(next, *cur) {
			return *cur, Outcome{Kind: Unchanged, DroppedMetadata: dropped}
		}
		next.Version++
		next.UpdatedAt = at
		return next, Outcome{Kind: Applied, DroppedMetadata: dropped}
	case u.Status == InProgress, u.Status == Started && u.Attempt != 0:
		return *cur, Outcome{Kind: Unchanged}
	default:
		return *cur, Outcome{Kind: Contradicts, Reason: ReasonTerminal}
	}
	next.Version++
	return next, Outcome{Kind: Applied, DroppedMetadata: next.report(u, at, p)}
}

// cancel notes the wish that a running attempt be stopped; the first one stays.
// It is no report: the job is as silent as it was. A job that is not there, or
// is over, can't be stopped.
func cancel(cur *Record, u Update, now time.Time) (Record, Outcome) {
	switch {
	case cur == nil || cur.Expired(now):
		return Record{}, Outcome{Kind: Contradicts}
	case u.Attempt != 0 && u.Attempt < cur.Attempt:
		return *cur, Outcome{Kind: Contradicts, Reason: ReasonSuperseded}
	case cur.Status.Terminal():
		return *cur, Outcome{Kind: Contradicts, Reason: ReasonTerminal}
	case !cur.CancelRequestedAt.IsZero():
		return *cur, Outcome{Kind: Unchanged}
	}
	next := *cur
	next.CancelRequestedAt, next.CancelReason = latest(now, cur.Timestamp, cur.UpdatedAt), u.Cancel.Reason
	next.Version++
	return next, Outcome{Kind: Applied}
}

// enter makes the record go over to the update's status, in an attempt.
func (r *Record) enter(u Update, attempt int64, at time.Time) {
	r.Status, r.Attempt, r.Timestamp = u.Status, attempt, at
	message, _ := cut(u.message(), maxEntryText)
	entry := Entry{Status: u.Status, Attempt: attempt, Timestamp: at, Message: message, Error: u.Error.cut(maxEntryText)}
	r.History = slices.Concat(r.History[max(0, len(r.History)+1-maxHistory):], []Entry{entry})
}

// report takes up all that an update says beside its status, and returns how
// many metadata keys found no place.
func (r *Record) report(u Update, at time.Time, p Policy) (dropped int) {
	r.UpdatedAt = at
	r.ExpiresAt = p.expiry(r.Status, at)
	r.Progress = mergeProgress(r.Progress, u.Progress, at)
	if u.Message != nil {
		r.Message = *u.Message
	}
	if u.Error != nil {
		r.Error = u.Error.cut(maxErrorMessage)
	}
	r.Owner = cmp.Or(r.Owner, u.Owner)
	r.ReportEvery = cmp.Or(u.ReportEvery, r.ReportEvery)
	r.Metadata, dropped = mergeMetadata(r.Metadata, u.Metadata)
	return dropped
}

// fill takes up what the update says and the record, which is over in the same
// way, does not. It rewrites nothing, and returns how many metadata keys found
// no place.
func (r *Record) fill(u Update, at time.Time) (dropped int) {
	r.Message = cmp.Or(r.Message, u.message())
	r.Error = r.Error.filled(u.Error.cut(maxErrorMessage))
	if r.Progress == nil {
		r.Progress = mergeProgress(nil, u.Progress, at)
	}
	r.Owner = cmp.Or(r.Owner, u.Owner)
	r.ReportEvery = cmp.Or(r.ReportEvery, u.ReportEvery)
	absent := maps.Clone(u.Metadata)
	maps.DeleteFunc(absent, func(key, _ string) bool {
		_, there := r.Metadata[key]
		return there
	})
	r.Metadata, dropped = mergeMetadata(r.Metadata, absent)
	if last := len(r.History) - 1; last >= 0 {
		r.History = slices.Clone(r.History)
		entry := &r.History[last]
		message, _ := cut(u.message(), maxEntryText)
		entry.Message = cmp.Or(entry.Message, message)
		entry.Error = entry.Error.filled(u.Error.cut(maxEntryText))
	}
	return dropped
}

// mergeMetadata sets and, by empty values, removes keys. Where there is no
// place for all, old keys stay and new ones come in by their order.
func mergeMetadata(stands, given map[string]string) (merged map[string]string, dropped int) {
	if len(given) == 0 {
		return stands, 0
	}
	merged = maps.Clone(stands)
	if merged == nil {
		merged = make(map[string]string, len(given))
	}
	for key, value := range given {
		if value == "" {
			delete(merged, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		_, there := merged[key]
		switch {
		case given[key] == "":
		case there || len(merged) < maxMetadata:
			merged[key] = given[key]
		default:
			dropped++
		}
	}
	if len(merged) == 0 {
		merged = nil
	}
	return merged, dropped
}

// Allowed returns the statuses that an update like u could have now without
// contradicting the record, in the order of a job's life.
func Allowed(cur Record, u Update, now time.Time, p Policy) []Status {
	allowed := []Status{}
	u.Cancel = nil
	for _, status := range []Status{Started, InProgress, Success, Fail} {
		u.Status = status
		if _, outcome := Merge(&cur, cur.RequestID, u, now, p); outcome.Kind != Contradicts {
			allowed = append(allowed, status)
		}
	}
	return allowed
}
