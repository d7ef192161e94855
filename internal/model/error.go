package model

import "cmp"

// Error is why a job failed. Every part is optional.
type Error struct {
	Code     string `dynamodbav:"code,omitempty"`
	Message  string `dynamodbav:"message,omitempty"`
	ExitCode *int64 `dynamodbav:"exit_code,omitempty"`
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
