package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// A stream mostly waits, and should take little memory for it. What was needed
// to open it is given back: on a connection of HTTP/1.1 all that net/http keeps
// for a request; where a connection is shared (HTTP/2), all but the goroutine
// of the request, which has been kept small by having others do the work. Both
// ways are the same to everybody else: step tells what is sent, and when.

const (
	commentEvery = 15 * time.Second
	// sendTimeout is how long a client may take to read what it is sent: less
	// than a shutdown may take.
	sendTimeout = 10 * time.Second
)

// line is a way to a client. It has step called when it is notified, and at the
// instant for which it was armed last.
type line interface {
	arm(until time.Time)
	send(text []byte) error
}

// step sends what there is to say, or a comment if there was nothing for long.
// It returns false when the stream is over, its credential is, or the client
// has gone.
func (st *stream) step(l line) bool {
	for st.caller.Valid(time.Now()) {
		l.arm(st.wake()) // before the look: what comes after it is not to be lost
		text, end := st.next()
		if text == nil {
			if time.Now().Before(st.due) {
				return true
			}
			text = comment
		}
		if err := l.send(text); err != nil || end {
			return false
		}
		st.due = time.Now().Add(commentEvery)
	}
	return false
}

// wake is when there is something to do, if nothing happens.
func (st *stream) wake() time.Time {
	if end := st.caller.Expires; !end.IsZero() && end.Before(st.due) {
		return end
	}
	return st.due
}

// ServeHTTP has requests for streams routed, and their streams opened, by a
// goroutine that ends with that.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/events") {
		s.routes.ServeHTTP(w, r)
		return
	}
	o := &opening{ResponseWriter: w}
	opened := make(chan any, 1)
	go func() {
		defer func() { opened <- recover() }()
		s.routes.ServeHTTP(o, r)
	}()
	if panicked := <-opened; panicked != nil {
		panic(panicked)
	}
	if o.held != nil {
		o.held.follow()
	}
}

// opening takes a stream that its request has to wait for.
type opening struct {
	http.ResponseWriter
	held *held
}

// Unwrap lets [http.ResponseController] flush and hijack.
func (o *opening) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// stream sends the header, and hands the rest over.
func (s *server) stream(x *exchange, r *http.Request, st *stream) {
	if r.ProtoMajor == 1 {
		// Ends with the connection: nothing has to be framed.
		x.Header()["Transfer-Encoding"] = identity
	}
	patient(x)
	x.WriteHeader(http.StatusOK)
	c := http.NewResponseController(x)
	_ = c.Flush() // an error comes again with the first event
	x.handedOver, x.route = true, r.Pattern
	conn, _, err := c.Hijack()
	if err != nil {
		x.ResponseWriter.(*opening).held = &held{
			stream: st, server: s, x: x, c: c, ctx: r.Context(), over: make(chan struct{}),
		}
		return
	}
	t := &taken{stream: st, server: s, conn: conn, visit: x.visit}
	st.subscription.Notify(t.notify)
	go t.run()
}

// ended is the last act of a stream, with what it panicked with, if it did.
func (s *server) ended(st *stream, v *visit, panicked any) {
	if panicked != nil {
		v.failure, v.stack, v.code = fmt.Errorf("panic: %v", panicked), debug.Stack(), internal
	}
	s.account(v)
	st.close()
}

// taken is a connection that was taken from net/http, and what is left of its
// request. A read that waits for nothing tells when the client goes; its
// deadline is what it is woken by.
type taken struct {
	*stream
	server *server
	conn   net.Conn
	visit  visit
	gone   bool
	none   [1]byte
}

// run says what there is to say, in a goroutine of its own each time, so that
// the one that waits keeps the smallest stack there is.
func (t *taken) run() {
	more := false
	defer func() {
		if panicked := recover(); panicked != nil || !more {
			_ = t.conn.Close()
			t.server.ended(t.stream, &t.visit, panicked)
		}
	}()
	if more = !t.gone && t.step(t); more {
		go t.wait()
	}
}

func (t *taken) wait() {
	_, err := t.conn.Read(t.none[:])
	t.gone = !errors.Is(err, os.ErrDeadlineExceeded) // or talks, when nobody listens
	go t.run()
}

// Setting a deadline fails where the connection is closed: sending tells.
func (t *taken) arm(until time.Time) { _ = t.conn.SetReadDeadline(until) }
func (t *taken) notify()             { _ = t.conn.SetReadDeadline(past) }

var past = time.Unix(1, 0)

func (t *taken) send(text []byte) error {
	if err := t.conn.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	n, err := t.conn.Write(text)
	t.visit.bytes += int64(n)
	return err
}

// held is a stream whose request waits for its end.
type held struct {
	*stream
	server *server
	x      *exchange
	c      *http.ResponseController
	ctx    context.Context
	timer  *time.Timer
	over   chan struct{}

	mu       sync.Mutex
	running  bool // for good, once it is over
	again    bool // there may be more to say
	panicked any
}

// follow waits for the end.
func (h *held) follow() {
	h.timer = time.AfterFunc(commentEvery, h.notify)
	defer h.timer.Stop()
	defer context.AfterFunc(h.ctx, h.notify)()
	h.subscription.Notify(h.notify)
	h.notify()
	<-h.over
	h.server.ended(h.stream, &h.x.visit, h.panicked)
	if h.panicked != nil {
		panic(http.ErrAbortHandler)
	}
}

func (h *held) notify() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running {
		h.again = true
		return
	}
	h.running = true
	go h.run()
}

// run says what there is to say; never two at a time.
func (h *held) run() {
	defer func() {
		if panicked := recover(); panicked != nil {
			h.panicked = panicked
			close(h.over)
		}
	}()
	for more := true; more; {
		if h.ctx.Err() != nil || !h.step(h) {
			close(h.over)
			return
		}
		h.mu.Lock()
		more, h.again = h.again, false
		h.running = more
		h.mu.Unlock()
	}
}

func (h *held) arm(until time.Time) { h.timer.Reset(time.Until(until)) }

func (h *held) send(text []byte) error {
	// For this alone: what is idle must not run out of time. They fail where
	// there are no time-outs.
	_ = h.c.SetWriteDeadline(time.Now().Add(sendTimeout))
	defer func() { _ = h.c.SetWriteDeadline(time.Time{}) }()
	if _, err := h.x.Write(text); err != nil {
		return err
	}
	return h.c.Flush()
}
