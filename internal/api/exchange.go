package api

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"
)

// exchange is one request and its answer. It stands between the handlers and
// the ResponseWriter.
type exchange struct {
	http.ResponseWriter
	visit
	handedOver bool // the answer goes on after the handler, and is accounted for then
}

// visit is a request as the log and the metrics see it.
type visit struct {
	began         time.Time
	method, route string
	trace         trace
	requestID     string // of the job, if it is a valid one
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
	line := s.config.Log.WithLevel(s.level(v.route, v.status))
	if line == nil {
		return
	}
	line.Str("method", v.method).Str("route", v.route).Int("status", v.status).
		Int64("bytes", v.bytes).Dur("duration_ms", took).Str("trace_id", v.trace.id)
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
