package model

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Progress is how far an attempt has come, as its worker counts.
type Progress struct {
	Current float64  `dynamodbav:"current"`
	Total   *float64 `dynamodbav:"total,omitempty"`
	Unit    string   `dynamodbav:"unit,omitempty"`

	// The rest is kept by Merge, for the ETA and to tell a job that is stalled.
	FirstCurrent float64   `dynamodbav:"first_current"` // the attempt's first report in this unit
	FirstAt      time.Time `dynamodbav:"first_at"`
	AdvancedAt   time.Time `dynamodbav:"advanced_at"`        // when Current last grew
	Advances     int64     `dynamodbav:"advances,omitempty"` // how often it did
}

// progressText is a number, perhaps a total, perhaps a unit. It is stricter
// about numbers than strconv, which also reads hexadecimal and infinite ones.
var progressText = regexp.MustCompile(`(?s)^(` + number + `)(?: */ *(` + number + `))?(?: *(%)| +([^ /].*))?$`)

const number = `[0-9.]+(?:[eE][+-]?[0-9]+)?`

// ParseProgress reads progress as text: 3, 3/10, 3/10 epoch, or 42%, which is
// 42 of 100 in the unit %. The error is a *ValidationError. Bounds are
// [Update.Normalize]'s to check.
func ParseProgress(text string) (Progress, error) {
	bad := &ValidationError{[]Problem{{"progress", "must be like 3, 3/10, 3/10 epoch or 42%"}}}
	parts := progressText.FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return Progress{}, bad
	}
	current, err := strconv.ParseFloat(parts[1], 64)
	if err != nil {
		return Progress{}, bad
	}
	p := Progress{Current: current, Unit: parts[3] + parts[4]}
	switch {
	case parts[2] != "":
		total, err := strconv.ParseFloat(parts[2], 64)
		if err != nil {
			return Progress{}, bad
		}
		p.Total = &total
	case p.Unit == "%":
		hundred := 100.0
		p.Total = &hundred
	}
	return p, nil
}

// normalize returns a copy with numbers that can be stored, and notes those
// that can't.
func (p *Progress) normalize(problems *ValidationError) *Progress {
	n := Progress{Current: p.Current, Unit: p.Unit}
	countable := func(field string, f float64) bool {
		ok := f >= 0 && f <= maxNumber // not NaN either
		if !ok {
			problems.add(field, "must be a number from 0 to 2^53")
		}
		return ok
	}
	ok := countable("progress.current", n.Current)
	if n.Current < minNumber { // -0, too
		n.Current = 0
	}
	if p.Total != nil {
		total := *p.Total
		if countable("progress.total", total) && ok && p.Current > total {
			problems.add("progress.current", "must not be more than the total")
		}
		if total < minNumber {
			total = 0
		}
		n.Total = &total
	}
	return &n
}

// beyond tells whether a report stands against another one in the same unit.
func (p *Progress) beyond(o *Progress) bool {
	if p.Current != o.Current {
		return p.Current > o.Current
	}
	return p.Total != nil && (o.Total == nil || *p.Total > *o.Total)
}

// mergeProgress returns what stands after a report made at an instant: of two
// in the same unit the one that is further, whole.
func mergeProgress(stands, reported *Progress, at time.Time) *Progress {
	if reported == nil {
		return stands
	}
	next := &Progress{
		Current: reported.Current, Total: reported.Total, Unit: reported.Unit,
		FirstCurrent: reported.Current, FirstAt: at, AdvancedAt: at,
	}
	if stands == nil || stands.Unit != reported.Unit {
		return next
	}
	if !reported.beyond(stands) {
		return stands
	}
	next.FirstCurrent, next.FirstAt, next.Advances = stands.FirstCurrent, stands.FirstAt, stands.Advances
	if reported.Current == stands.Current {
		next.AdvancedAt = stands.AdvancedAt
	} else {
		next.Advances++
	}
	return next
}

// Percent is how much of the reported total is done, in tenths rounded down,
// so that only the whole is 100. The progress of a job that succeeded counts
// as 100, whatever was reported last. There is none without progress, nor, for
// a job that did not succeed, without a total.
func (r Record) Percent() (float64, bool) {
	p := r.Progress
	switch {
	case p == nil:
		return 0, false
	case r.Status == Success:
		return 100, true
	case p.Total == nil || *p.Total == 0:
		return 0, false
	case p.Current >= *p.Total:
		return 100, true
	}
	// What is added makes up for fractions that have no exact binary form:
	// 32.3 of 100 is 32.3%, not 32.2.
	tenths := math.Floor(p.Current*1000 / *p.Total + 1e-9)
	return min(tenths, 999) / 10, true
}

// longestETA is how far ahead an ETA is still worth telling.
const longestETA = 10 * 365 * 24 * time.Hour

// ETA is when a running job will have reached its total if it goes on as it
// did from the attempt's first reported progress to its latest. It can't be
// told without a total, or before progress has grown; and it is not told if it
// is more than ten years off.
func (r Record) ETA() (time.Time, bool) {
	p := r.Progress
	if r.Status.Terminal() || p == nil || p.Total == nil {
		return time.Time{}, false
	}
	grown, took := p.Current-p.FirstCurrent, p.AdvancedAt.Sub(p.FirstAt)
	if grown <= 0 || took <= 0 {
		return time.Time{}, false
	}
	left := (*p.Total - p.Current) / grown * float64(took)
	if !(left <= float64(longestETA)) {
		return time.Time{}, false
	}
	return p.AdvancedAt.Add(time.Duration(left)).Truncate(time.Millisecond), true
}
