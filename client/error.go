package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Code is a kind of refusal, as the service names it. It is an error so that
// [errors.Is] can ask for it:
//
//	if errors.Is(err, client.Superseded) { return } // another worker has taken over
type Code string

func (c Code) Error() string { return string(c) }

// The codes that programs are likely to ask for; README.md has all.
const (
	Terminal     Code = "terminal"        // the report contradicts: the job is over
	Superseded   Code = "superseded"      // a later attempt has begun: this worker should stop
	OtherOwner   Code = "owner"           // the job is another owner's
	NotFound     Code = "not_found"       // there is no such job
	Unauthorized Code = "unauthenticated" // a token is needed
	BadToken     Code = "invalid_token"   // the token is not accepted
)

// Error is the service's answer to what it does not do.
type Error struct {
	Status  int    // of HTTP
	Code    Code   // empty if something else than statusd answered
	Title   string // what is wrong, in general
	Detail  string // and here
	Fields  []Field
	TraceID string // under which the service's log has more

	// Of a contradiction: the record, the statuses that would be accepted now,
	// and the attempt by which the job can be started again.
	Current     *Record
	Allowed     []Status
	NextAttempt int64

	RetryAfter time.Duration // if the service says how long to wait
}

// Field is a field of a request that can't be as it is.
type Field struct {
	Name    string `json:"field"`
	Message string `json:"message"`
}

func (e *Error) Error() string {
	text := e.Title
	if e.Detail != "" {
		text += " " + e.Detail
	}
	for _, f := range e.Fields {
		text += fmt.Sprintf(" %s %s.", f.Name, f.Message)
	}
	if e.NextAttempt > 0 {
		text += fmt.Sprintf(" Next attempt: %d.", e.NextAttempt)
	}
	if e.Code != "" {
		text = string(e.Code) + ": " + text
	}
	if e.TraceID != "" {
		text += " (trace " + e.TraceID + ")"
	}
	return text
}

// Is tells whether the refusal is of a [Code].
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// errorOf reads a refusal.
func errorOf(answer *http.Response) *Error {
	e := &Error{Status: answer.StatusCode}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds >= 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	var problem struct {
		Code        Code     `json:"code"`
		Title       string   `json:"title"`
		Detail      string   `json:"detail"`
		Errors      []Field  `json:"errors"`
		TraceID     string   `json:"trace_id"`
		Current     *Record  `json:"current"`
		Allowed     []Status `json:"allowed"`
		NextAttempt int64    `json:"next_attempt"`
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostBytes))
	if err == nil {
		err = json.Unmarshal(text, &problem)
	}
	switch {
	case err == nil && problem.Code != "":
		e.Code, e.Title, e.Detail, e.Fields, e.TraceID = problem.Code, problem.Title, problem.Detail, problem.Errors, problem.TraceID
		e.Current, e.Allowed, e.NextAttempt = problem.Current, problem.Allowed, problem.NextAttempt
	case answer.StatusCode < http.StatusBadRequest:
		e.Title = fmt.Sprintf("The answer is %s, to %s, which is not followed: name that as the server.", answer.Status, place(answer))
	default:
		e.Title = fmt.Sprintf("The answer is %s, and none of statusd's.", answer.Status)
	}
	return e
}

// place is where a redirection leads, as far as a server is named by it.
func place(answer *http.Response) string {
	to, err := answer.Location()
	if err != nil {
		return "nowhere"
	}
	return to.Scheme + "://" + to.Host
}

func retryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}
