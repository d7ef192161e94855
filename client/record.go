package client

import (
	"encoding/json"
	"time"
)

// Status is where a job is.
type Status string

// The statuses. The last two are terminal: the attempt is over.
const (
	Started    Status = "started"
	InProgress Status = "in-progress"
	Success    Status = "success"
	Fail       Status = "fail"
)

// Liveness is how a running job looks by what it last reported. It is an
// observation, not a status.
type Liveness string

// Live reports as it should; Stalled reports, but its progress does not
// advance; Late and Stale are silent, the latter for long.
const (
	Live    Liveness = "live"
	Stalled Liveness = "stalled"
	Late    Liveness = "late"
	Stale   Liveness = "stale"
)

// Cancelled is the code of the error with which a job ends that was asked to.
const Cancelled = "cancelled"

// Progress is how far an attempt is: Current of Total, in some unit.
type Progress struct {
	Current float64 `json:"current"`
	Total   float64 `json:"total,omitempty"` // 0 if not known
	Unit    string  `json:"unit,omitempty"`  // at most 32 bytes
}

// Failure is why a job failed.
type Failure struct {
	Code     string `json:"code,omitempty"`    // at most 64 bytes
	Message  string `json:"message,omitempty"` // longer than 4 KiB is cut by the service
	ExitCode *int   `json:"exit_code,omitempty"`
}

// Update is what a worker reports. Status is required; what is empty says
// nothing, and lets stand what was said before.
type Update struct {
	Status      Status            `json:"status"`
	Attempt     int64             `json:"attempt,omitempty"` // a number that grows with each try at the job
	Progress    *Progress         `json:"progress,omitempty"`
	Message     string            `json:"message,omitempty"`
	Error       *Failure          `json:"error,omitempty"`    // with Fail only
	Metadata    map[string]string `json:"metadata,omitempty"` // an empty value removes the key
	Owner       string            `json:"owner,omitempty"`
	ReportEvery int               `json:"report_every,omitempty"` // seconds; silent for twice that, the job is late
}

// Record is what the service knows of a job. Times that did not come are zero.
type Record struct {
	RequestID         string            `json:"request_id"`
	Status            Status            `json:"status"`
	Timestamp         time.Time         `json:"timestamp"` // when Status was entered
	Attempt           int64             `json:"attempt"`
	Version           int64             `json:"version"` // grows with each change
	Terminal          bool              `json:"terminal"`
	Liveness          Liveness          `json:"liveness,omitempty"` // of a running job
	Progress          *Reached          `json:"progress,omitempty"`
	ETA               time.Time         `json:"eta,omitzero"`
	Message           string            `json:"message,omitempty"`
	Error             *Failure          `json:"error,omitempty"`
	Metadata          map[string]string `json:"metadata,omitempty"`
	Owner             string            `json:"owner,omitempty"`
	ReportEvery       int               `json:"report_every,omitempty"` // seconds
	CancelRequestedAt time.Time         `json:"cancel_requested_at,omitzero"`
	CancelReason      string            `json:"cancel_reason,omitempty"`
	CreatedAt         time.Time         `json:"created_at"`
	UpdatedAt         time.Time         `json:"updated_at"`           // of the last report
	ExpiresAt         int64             `json:"expires_at,omitempty"` // epoch seconds; 0 for never
	History           []Entry           `json:"history,omitempty"`    // oldest first; lists have none

	raw json.RawMessage
}

// Reached is progress as the service shows it.
type Reached struct {
	Progress
	Percent    *float64  `json:"percent,omitempty"` // if it can be told
	AdvancedAt time.Time `json:"advanced_at"`       // when Current last grew
}

// Entry is a status that a job has entered.
type Entry struct {
	Status    Status    `json:"status"`
	Attempt   int64     `json:"attempt"`
	Timestamp time.Time `json:"timestamp"`
	Message   string    `json:"message,omitempty"`
	Error     *Failure  `json:"error,omitempty"`
}

// JSON is the record as the service sent it, with what this package may not
// know of.
func (r Record) JSON() json.RawMessage { return r.raw }

// UnmarshalJSON reads a record, and nothing else for one.
func (r *Record) UnmarshalJSON(text []byte) error {
	type plain Record
	var p plain
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	if p.RequestID == "" || p.Status == "" {
		return errStrange
	}
	*r = Record(p)
	r.raw = append(json.RawMessage(nil), text...)
	return nil
}
