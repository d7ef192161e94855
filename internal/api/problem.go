package api

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"github.com/statusd/statusd/internal/auth"
	"github.com/statusd/statusd/internal/human"
	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/watch"
)

// kind is a kind of failure, by the code that clients see. Codes are stable.
type kind string

func (k kind) Error() string { return string(k) }

const (
	invalidBody       kind = "invalid_body"
	invalidQuery      kind = "invalid_query"
	invalidHeader     kind = "invalid_header"
	invalidCursor     kind = "invalid_cursor"
	invalidField      kind = "invalid_field"
	unauthenticated   kind = "unauthenticated"
	invalidToken      kind = "invalid_token"
	insufficientScope kind = "insufficient_scope"
	outOfBounds       kind = "out_of_bounds"
	crossOrigin       kind = "cross_origin"
	hostNotAllowed    kind = "host_not_allowed"
	notFound          kind = "not_found"
	noSuchRoute       kind = "no_such_route"
	methodNot         kind = "method_not_allowed"
	terminal          kind = kind(model.ReasonTerminal)
	superseded        kind = kind(model.ReasonSuperseded)
	otherOwner        kind = kind(model.ReasonOwner)
	versionMismatch   kind = "version_mismatch"
	tooLarge          kind = "too_large"
	uriTooLong        kind = "uri_too_long"
	unsupportedType   kind = "unsupported_media_type"
	rateLimited       kind = "rate_limited"
	busy              kind = "busy"
	providerAway      kind = "identity_provider_unavailable"
	starting          kind = "starting"
	draining          kind = "draining"
	tooManyWatchers   kind = "too_many_watchers"
	unavailable       kind = "unavailable"
	unreadable        kind = "unreadable_record"
	clientGone        kind = "client_gone"
	internal          kind = "internal"
)

// answers is how each failure is answered: the first row that it is, by
// errors.Is, decides. What is in none is internal.
var answers = []struct {
	failure error
	code    kind
	status  int
	title   string
}{
	{context.Canceled, clientGone, statusClientGone, "The client has hung up."},
	{invalidBody, invalidBody, http.StatusBadRequest, "The body can't be read."},
	{invalidQuery, invalidQuery, http.StatusBadRequest, "The query can't be honoured."},
	{invalidHeader, invalidHeader, http.StatusBadRequest, "A header can't be honoured."},
	{store.ErrCursor, invalidCursor, http.StatusBadRequest, "That is not a cursor of this list."},
	{unauthenticated, unauthenticated, http.StatusUnauthorized, "It takes a credential to do this."},
	{invalidToken, invalidToken, http.StatusUnauthorized, "The credential is not accepted."},
	{insufficientScope, insufficientScope, http.StatusForbidden, "The credential is not for this."},
	{outOfBounds, outOfBounds, http.StatusForbidden, "The credential is not for this job."},
	{store.ErrDenied, outOfBounds, http.StatusForbidden, "The credential is not for this job."},
	{crossOrigin, crossOrigin, http.StatusForbidden, "A page of another site may not do this."},
	{store.ErrNotFound, notFound, http.StatusNotFound, "There is no such record."},
	{noSuchRoute, noSuchRoute, http.StatusNotFound, "There is nothing here."},
	{methodNot, methodNot, http.StatusMethodNotAllowed, "That can't be done here."},
	{terminal, terminal, http.StatusConflict, "The job is over."},
	{superseded, superseded, http.StatusConflict, "A later attempt at the job has begun."},
	{otherOwner, otherOwner, http.StatusConflict, "The job is another owner's."},
	{versionMismatch, versionMismatch, http.StatusPreconditionFailed, "The record is not as the precondition says."},
	{tooLarge, tooLarge, http.StatusRequestEntityTooLarge, "That is too large."},
	{store.ErrTooLarge, tooLarge, http.StatusRequestEntityTooLarge, "That is too large."},
	{uriTooLong, uriTooLong, http.StatusRequestURITooLong, "The address is too long."},
	{unsupportedType, unsupportedType, http.StatusUnsupportedMediaType, "That type of content is not read here."},
	{hostNotAllowed, hostNotAllowed, http.StatusMisdirectedRequest, "This service does not answer to that name."},
	{invalidField, invalidField, http.StatusUnprocessableEntity, "A field has no such value."},
	{rateLimited, rateLimited, http.StatusTooManyRequests, "That is too much for one client."},
	{store.ErrCorrupt, unreadable, http.StatusInternalServerError, "The stored record can't be read."},
	{starting, starting, http.StatusServiceUnavailable, "The service is starting."},
	{draining, draining, http.StatusServiceUnavailable, "The service is about to stop."},
	{watch.ErrStopping, draining, http.StatusServiceUnavailable, "The service is about to stop."},
	{watch.ErrFull, tooManyWatchers, http.StatusServiceUnavailable, "Too many are watching here already. Poll, or come again."},
	{busy, busy, http.StatusServiceUnavailable, "There is too much to do. Sending the same again is safe."},
	{auth.ErrUnavailable, providerAway, http.StatusServiceUnavailable, "The credential can't be checked now. Sending the same again is safe."},
	{store.ErrUnavailable, unavailable, http.StatusServiceUnavailable, "The store does not answer. Sending the same again is safe."},
	{context.DeadlineExceeded, unavailable, http.StatusServiceUnavailable, "The store does not answer. Sending the same again is safe."},
	{internal, internal, http.StatusInternalServerError, "Something is wrong with the service."},
}

// statusClientGone is for the log: nobody is there to see it.
const statusClientGone = 499

// fault is a failure with what its client should know of it.
type fault struct {
	kind   kind
	detail string
	fields []fieldError
	header http.Header // to add to the answer
	cause  error       // for the log alone

	// Of 409 and 412: the record that is in the way.
	current     *store.Snapshot
	allowed     []model.Status
	nextAttempt int64
}

// fieldsMost is how many wrong fields are named in one answer.
const fieldsMost = 32

// fieldError is one field that is wrong.
type fieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

func (f *fault) Error() string { return string(f.kind) + ": " + f.detail }
func (f *fault) Unwrap() error { return f.kind }

func badHeader(name string, err error) *fault {
	return &fault{kind: invalidHeader, detail: fmt.Sprintf("%s %s.", name, err)}
}

// problem is the body of an answer that is an error.
// https://www.rfc-editor.org/rfc/rfc9457
type problem struct {
	Title       string         `json:"title"`
	Status      int            `json:"status"`
	Code        kind           `json:"code"`
	Detail      string         `json:"detail,omitempty"`
	RequestID   string         `json:"request_id,omitempty"`
	TraceID     string         `json:"trace_id"`
	Errors      []fieldError   `json:"errors,omitempty"`
	Current     *recordView    `json:"current,omitempty"`
	Allowed     []model.Status `json:"allowed,omitzero"`
	NextAttempt int64          `json:"next_attempt,omitempty"`
}

// handler is a handler that leaves its errors to [server.fail].
type handler func(x *exchange, r *http.Request) error

// answer makes it one for the router, below [server.observe].
func (s *server) answer(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := w.(*exchange)
		if err := h(x, r); err != nil {
			s.fail(x, r, err)
		}
	}
}

// fail answers an error as a problem. What the client need not know stays in
// the log, under the same trace_id.
func (s *server) fail(x *exchange, r *http.Request, err error) {
	p := problemOf(err)
	x.code = p.Code
	if p.Status >= http.StatusInternalServerError {
		x.failure = err
	}
	if x.requestID == "" {
		_, _ = requestID(x, r) // for the log; that it is none is not what is wrong
	}
	p.TraceID, p.RequestID = x.trace.id, x.requestID

	h := x.Header()
	var f *fault
	if errors.As(err, &f) {
		for name, values := range f.header {
			h[name] = values
		}
		if f.cause != nil {
			x.failure = f.cause
		}
		if f.current != nil {
			current := viewOf(f.current.Record, s.config.Store.Liveness(f.current))
			p.Current = &current
		}
	}
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(p.Code.retryAfter()))
	}
	h.Set("Cache-Control", "no-store")
	varies(h)
	if wantsText(r.Header["Accept"]) {
		x.writeText(p.Status, p.line())
		return
	}
	x.write(p.Status, "application/problem+json", marshal(p))
}

// retryAfter is in how many seconds to send the same again: not all at once.
func (k kind) retryAfter() int {
	if k == tooManyWatchers { // they stay
		return 5 + rand.IntN(26)
	}
	return 1 + rand.IntN(3)
}

func problemOf(err error) problem {
	p := problem{Status: http.StatusInternalServerError, Code: internal}
	for _, a := range answers {
		if errors.Is(err, a.failure) {
			p = problem{Title: a.title, Status: a.status, Code: a.code}
			break
		}
	}
	var f *fault
	if errors.As(err, &f) {
		p.Detail, p.Allowed, p.NextAttempt = f.detail, f.allowed, f.nextAttempt
		p.Errors = f.fields[:min(len(f.fields), fieldsMost)]
	}
	return p
}

// line is the problem for a person.
func (p problem) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", p.Code, p.Title)
	if p.Detail != "" {
		b.WriteString(" " + p.Detail)
	}
	for _, e := range p.Errors {
		fmt.Fprintf(&b, " %s: %s.", e.Field, e.Message)
	}
	if len(p.Allowed) > 0 {
		fmt.Fprintf(&b, " Allowed now: %s.", join(p.Allowed))
	}
	if p.NextAttempt != 0 {
		fmt.Fprintf(&b, " Next attempt: %d.", p.NextAttempt)
	}
	fmt.Fprintf(&b, " (trace %s)", p.TraceID)
	return human.Harmless(b.String()) // field names are the client's
}
