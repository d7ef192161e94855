package model

import (
	"math"
	"strings"
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
	// Cancel asks that the attempt be stopped, and makes the update nothing
	// else: of the rest only Attempt counts.
	Cancel *Cancel
}

// Cancel is a wish that a job be stopped.
type Cancel struct{ Reason string }

// message is the text given, or none.
func (u *Update) message() string {
	if u.Message == nil {
		return ""
	}
	return *u.Message
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
	} else if u.Cancel == nil {
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
	if u.Cancel != nil {
		cancel := *u.Cancel
		c.cut("reason", &cancel.Reason, maxEntryText)
		u.Cancel = &cancel
	}
	return c.warnings, problems.err()
}
