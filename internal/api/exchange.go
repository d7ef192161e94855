package api

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"

	"github.com/statusd/statusd/internal/auth"
)

// exchange is one request and its answer. It stands between the handlers and
// the ResponseWriter.
type exchange struct {
	http.ResponseWriter
	visit
	handedOver bool // the answer goes on after the handler, and is accounted for then

	secure   bool             // it came by TLS, at least to the proxy
	network  string           // where it came from, as limits tell clients apart
	client   string           // whose limits count: a credential, or a network
	caller   *auth.Credential // nil if there is none that is good
	refusal  error            // why not
	byHeader bool             // the credential was shown in the header
	atWork   bool             // it counts as a request in flight
}

// visit is a request as the log and the metrics see it.
type visit struct {
	began         time.Time
	method, route string
	trace         trace
	requestID     string // of the job, if it is a valid one
	from          string // the client's address
	who           string // the name of the credential, if a good one was shown
	outcome       string // of a write
	status        int    // 0 until the header is written
	bytes         int64
	code          kind  // of the problem that was answered
	failure       error // its cause, for the log alone
	stack         []byte
}

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(p)
	x.bytes += int64(n)
	return n, err
}

// Unwrap lets [http.ResponseController] flush.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// observe is what surrounds every request, in one layer: its place in a trace,
// the recovery from a panic, the log line and the metrics.
func (s *server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{ResponseWriter: w, visit: visit{
			began: time.Now(), method: r.Method, trace: continued(r.Header.Get("Traceparent")),
		}}
		h := w.Header()
		h["Traceparent"] = []string{x.trace.traceparent()}
		h["X-Content-Type-Options"] = nosniff
		s.locate(x, r)
		defer func() {
			aborted := s.recovered(x, r, recover())
			if !x.handedOver {
				x.route = r.Pattern
				s.account(&x.visit)
			}
			if aborted {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(x, r)
	})
}

var nosniff = []string{"nosniff"}

// recovered answers after a panic. It tells whether the connection has to be
// cut, because a part of another answer is out already.
func (s *server) recovered(x *exchange, r *http.Request, panicked any) (abort bool) {
	switch {
	case panicked == nil:
		return false
	case panicked == http.ErrAbortHandler: //nolint:errorlint // the value itself, says net/http
		return true
	}
	x.stack = debug.Stack()
	err := fmt.Errorf("panic: %v", panicked)
	if x.status != 0 {
		x.code, x.failure = internal, err
		return true
	}
	s.fail(x, r, err)
	return false
}

// account writes the log line and counts. The query is left out: it may hold
// what others must not read.
func (s *server) account(v *visit) {
	took := time.Since(v.began)
	if v.route == "" {
		v.route = "none"
	}
	if v.status == 0 {
		v.status = http.StatusOK
	}
	s.config.Metrics.countRequest(v.method, v.route, v.status, took)
	log, audit := &s.config.Log, v.audit()
	if audit != "" {
		log = &s.audit
	}
	line := log.WithLevel(s.level(v.route, v.status))
	if line == nil {
		return
	}
	line.Str("method", v.method).Str("route", v.route).Int("status", v.status).
		Int64("bytes", v.bytes).Dur("duration_ms", took).Str("trace_id", v.trace.id).Str("from", v.from)
	if v.who != "" {
		line.Str("who", v.who)
	}
	if audit != "" {
		line.Str("audit", audit)
	}
	if v.outcome != "" {
		line.Str("outcome", v.outcome)
	}
	if v.requestID != "" {
		line.Str("request_id", v.requestID)
	}
	if v.code != "" {
		line.Str("code", string(v.code))
	}
	if v.failure != nil {
		line.Err(v.failure)
	}
	if v.stack != nil {
		line.Bytes("stack", v.stack)
	}
	line.Msg("request")
}

// audit tells what somebody has to be able to look up later: what was written,
// or was to be, and what was refused. Such a line is always written.
func (v *visit) audit() string {
	switch v.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMisdirectedRequest, http.StatusTooManyRequests:
		return "refusal"
	}
	switch v.method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return ""
	}
	return "write"
}

func (s *server) level(route string, status int) zerolog.Level {
	switch {
	case status == http.StatusServiceUnavailable:
		return zerolog.WarnLevel
	case status >= 500:
		return zerolog.ErrorLevel
	case route == "/healthz", route == "/readyz", route == "/metrics":
		return zerolog.DebugLevel
	}
	return zerolog.InfoLevel
}
