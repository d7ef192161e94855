package model

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what an update may say: of text in bytes, over which it is cut; of
// the rest, over which it is refused.
const (
	maxMessage       = 1024
	maxErrorMessage  = 4096
	maxErrorCode     = 64
	maxEntryText     = 256 // message, and error message, in the history
	maxUnit          = 32
	maxMetadataKey   = 64
	maxMetadataValue = 512

	maxOwner       = 256 // refused over it: whose a job is can't be cut
	maxNumber      = 1 << 53
	minNumber      = 1e-130             // DynamoDB stores none nearer to 0
	maxReportEvery = 365 * 24 * 60 * 60 // seconds
	minExitCode    = math.MinInt32      // some systems count exit codes from there,
	maxExitCode    = math.MaxUint32     // others up to here
)

// Update is what a worker reports. Only Status is needed; what is nil or zero
// was not given.
type Update struct {
	Status      Status
	Attempt     int64 // 0 means the record's current one, or 1
	Progress    *Progress
	Message     *string // an empty one clears
	Error       *Error
	Metadata    map[string]string // an empty value removes the key
	Owner       string
	ReportEvery int64 // seconds
}

// message is the text given, or none.
func (u *Update) message() string {
	if u.Message == nil {
		return ""
	}
	return *u.Message
}

// Problem is one thing wrong with one field.
type Problem struct{ Field, Message string }

// ValidationError names everything that is wrong with what a caller sent.
type ValidationError struct{ Problems []Problem }

func (e *ValidationError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Field + " " + p.Message
	}
	return strings.Join(texts, "; ")
}

// add notes a problem.
func (e *ValidationError) add(field, format string, args ...any) {
	e.Problems = append(e.Problems, Problem{field, fmt.Sprintf(format, args...)})
}

// err is nil if there is no problem.
func (e *ValidationError) err() error {
	if len(e.Problems) == 0 {
		return nil
	}
	return e
}

// ValidateRequestID tests the name of a job. The error is a *ValidationError.
func ValidateRequestID(id string) error {
	const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:~-"
	if id == "" || len(id) > 128 || strings.Trim(id, characters) != "" {
		return &ValidationError{[]Problem{{"request_id", "must be 1 to 128 characters of A-Z a-z 0-9 . _ : ~ -"}}}
	}
	return nil
}

// Normalize brings an update into the form that [Merge] takes: a status by its
// own name, text no longer than is kept. What it cuts or leaves out, it tells
// in warnings: short ASCII sentences. What it can't accept is a
// *ValidationError that names every bad field. It replaces what u points to,
// and does not write there.
func (u *Update) Normalize() (warnings []string, err error) {
	var problems ValidationError
	status, known := ParseStatus(string(u.Status))
	if known {
		u.Status = status
	} else {
		problems.add("status", "must be one of %s", strings.Join(status.Values(), ", "))
	}
	if u.Attempt < 0 || u.Attempt > maxNumber {
		problems.add("attempt", "must be an integer from 1 to 2^53")
	}
	if len(u.Owner) > maxOwner {
		problems.add("owner", "must be 1 to %d bytes", maxOwner)
	}
	if u.ReportEvery < 0 || u.ReportEvery > maxReportEvery {
		problems.add("report_every", "must be 1 to %d seconds", maxReportEvery)
	}
	c := cutter{}
	if u.Progress != nil {
		u.Progress = u.Progress.normalize(&problems)
		c.cut("progress unit", &u.Progress.Unit, maxUnit)
	}
	if u.Message != nil {
		message := u.message()
		c.cut("message", &message, maxMessage)
		u.Message = &message
	}
	u.Error = u.Error.normalize(u.Status, known, &problems)
	if u.Error != nil {
		c.cut("error code", &u.Error.Code, maxErrorCode)
		c.cut("error message", &u.Error.Message, maxErrorMessage)
	}
	u.Metadata = c.metadata(u.Metadata)
	return c.warnings, problems.err()
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

// normalize returns a copy, or nil if it says nothing, and notes an error
// that does not go with the status.
func (e *Error) normalize(status Status, known bool, problems *ValidationError) *Error {
	if e == nil || *e == (Error{}) {
		return nil
	}
	// Wrappers report the exit code whatever it is.
	if status == Success && e.Code == "" && e.Message == "" && *e.ExitCode == 0 {
		return nil
	}
	if known && status != Fail {
		problems.add("error", "goes with status fail only")
	}
	if e.ExitCode != nil && (*e.ExitCode < minExitCode || *e.ExitCode > maxExitCode) {
		problems.add("error.exit_code", "must be an integer from %d to %d", minExitCode, maxExitCode)
	}
	n := *e
	return &n
}

// cut returns a copy with a message of at most so many bytes.
func (e *Error) cut(limit int) *Error {
	if e == nil {
		return nil
	}
	short := *e
	short.Message, _ = cut(e.Message, limit)
	return &short
}

// filled returns e with those parts that only the given error has.
func (e *Error) filled(given *Error) *Error {
	if e == nil || given == nil {
		return cmp.Or(e, given)
	}
	return &Error{
		Code:     cmp.Or(e.Code, given.Code),
		Message:  cmp.Or(e.Message, given.Message),
		ExitCode: cmp.Or(e.ExitCode, given.ExitCode),
	}
}

// cutter cuts what is too long and says so.
type cutter struct{ warnings []string }

func (c *cutter) cut(what string, text *string, limit int) {
	short, was := cut(*text, limit)
	if was {
		*text = short
		c.warn("%s cut to %d bytes", what, limit)
	}
}

func (c *cutter) warn(format string, args ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
}

// metadata returns a copy with keys and values that are short enough. Of two
// keys that become the same, the first in order stays.
func (c *cutter) metadata(given map[string]string) map[string]string {
	if len(given) == 0 {
		return nil
	}
	var keysCut, valuesCut bool
	short := make(map[string]string, len(given))
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if key == "" {
			c.warn("metadata without a key dropped")
			continue
		}
		name, keyCut := cut(key, maxMetadataKey)
		value, valueCut := cut(given[key], maxMetadataValue)
		if _, there := short[name]; !there {
			short[name] = value
		}
		keysCut, valuesCut = keysCut || keyCut, valuesCut || valueCut
	}
	if keysCut {
		c.warn("metadata keys cut to %d bytes", maxMetadataKey)
	}
	if valuesCut {
		c.warn("metadata values cut to %d bytes", maxMetadataValue)
	}
	return short
}

// cut shortens text to so many bytes, at a character and with a mark.
func cut(text string, limit int) (short string, was bool) {
	const mark = "…"
	if len(text) <= limit {
		return text, false
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark, true
}
