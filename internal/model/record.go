package model

import "time"

// Record is all that is known of a job. A record is never changed: [Merge]
// makes a new one, which may share with the old what both have in common.
//
// Attributes without omitempty are those that every record has.
type Record struct {
	RequestID   string            `dynamodbav:"request_id" table:"key"`
	Status      Status            `dynamodbav:"status"`
	Timestamp   time.Time         `dynamodbav:"timestamp" table:"range=by_status,range=by_owner"` // when the status was entered
	Attempt     int64             `dynamodbav:"attempt"`
	Version     int64             `dynamodbav:"version" table:"version"`
	Progress    *Progress         `dynamodbav:"progress,omitempty"`
	Message     string            `dynamodbav:"message,omitempty"`
	Error       *Error            `dynamodbav:"error,omitempty"` // with Fail only
	Metadata    map[string]string `dynamodbav:"metadata,omitempty"`
	Owner       string            `dynamodbav:"owner,omitempty" table:"index=by_owner:keys_only"`
	ReportEvery int64             `dynamodbav:"report_every,omitempty"` // seconds; 0 if not promised
	CreatedAt   time.Time         `dynamodbav:"created_at"`
	UpdatedAt   time.Time         `dynamodbav:"updated_at"`
	// CancelRequestedAt is when somebody asked that the attempt be stopped. It is
	// no status: the job is over when its worker says so.
	CancelRequestedAt time.Time `dynamodbav:"cancel_requested_at,omitempty"`
	CancelReason      string    `dynamodbav:"cancel_reason,omitempty"`
	History           []Entry   `dynamodbav:"history,omitempty"`                // oldest first
	ExpiresAt         int64     `dynamodbav:"expires_at,omitempty" table:"ttl"` // epoch seconds; 0 for never
}

// Entry is one status that the job has entered, with what was said about it.
type Entry struct {
	Status    Status    `dynamodbav:"status"`
	Attempt   int64     `dynamodbav:"attempt"`
	Timestamp time.Time `dynamodbav:"timestamp"`
	Message   string    `dynamodbav:"message,omitempty"`
	Error     *Error    `dynamodbav:"error,omitempty"`
}

// NextAttempt is the number with which the job can be started again.
func (r Record) NextAttempt() int64 { return r.Attempt + 1 }

// Expired tells whether the record counts as absent, be it still stored or not.
func (r Record) Expired(now time.Time) bool {
	return r.ExpiresAt != 0 && r.ExpiresAt <= now.Unix()
}
