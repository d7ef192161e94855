package api

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"
)

// A stream mostly waits. On a connection of HTTP/1.1 it waits in a goroutine that
// does nothing else, and all that net/http keeps for a request is given back;
// where a connection is shared (HTTP/2), it waits in the handler. Both ways are
// the same to everybody else: step tells what is sent, and when.

const (
	commentEvery = 15 * time.Second
	// sendTimeout is how long a client may take to read what it is sent.
	sendTimeout = 30 * time.Second
)

// line is a way to a client.
type line interface {
	// arm begins the time in which notify ends the next wait, as that instant
	// does.
	arm(until time.Time)
	notify()
	wait() error // that the client has gone
	send(text []byte) error
}

// stream sends events until the stream ends or the client goes.
func (s *server) stream(x *exchange, r *http.Request, st *stream) {
	if r.ProtoMajor == 1 {
		// Ends with the connection: nothing has to be framed.
		x.Header().Set("Transfer-Encoding", "identity")
	}
	patient(x)
	x.WriteHeader(http.StatusOK)
	c := http.NewResponseController(x)
	if err := c.Flush(); err != nil {
		return
	}
	v := x.visit
	v.route = r.Pattern
	done := s.config.Metrics.countWatcher("stream")
	conn, _, err := c.Hijack()
	if err != nil {
		defer done()
		h := &held{x, c, r, make(chan struct{}, 1), time.NewTimer(0)}
		st.subscription.Notify(h.notify)
		for st.step(h) && h.wait() == nil {
		}
		return
	}
	x.handedOver = true
	t := &taken{server: s, stream: st, conn: conn, visit: v, done: done}
	st.subscription.Notify(t.notify)
	go t.run()
}

// step sends what there is to say, or a comment if there was nothing for long.
// It returns false when the stream is over, or the client has gone.
func (st *stream) step(l line) bool {
	for {
		l.arm(st.due) // first: what comes after the look is not to be lost
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
}

// taken is a connection that was taken from net/http, and what is left of its
// request. A read that waits for nothing tells when the client goes; its
// deadline is what it is woken by.
type taken struct {
	*stream
	server *server
	conn   net.Conn
	visit  visit
	done   func()
	none   [1]byte
}

// run says what there is to say. It does so in a goroutine of its own each
// time, so that the one that waits keeps the smallest stack there is.
func (t *taken) run() {
	defer func() {
		if p := recover(); p != nil {
			t.visit.failure, t.visit.stack, t.visit.code = fmt.Errorf("panic: %v", p), debug.Stack(), internal
			t.end()
		}
	}()
	if t.step(t) {
		go t.park()
		return
	}
	t.end()
}

func (t *taken) park() {
	if t.wait() != nil {
		go t.end()
		return
	}
	go t.run()
}

func (t *taken) end() {
	_ = t.conn.Close()
	t.server.account(&t.visit)
	t.done()
	t.subscription.Close() // the last act: who waits for the end waits for this
}

var past = time.Unix(1, 0)

// Setting a deadline fails where the connection is closed: the read tells.
func (t *taken) arm(until time.Time) { _ = t.conn.SetReadDeadline(until) }
func (t *taken) notify()             { _ = t.conn.SetReadDeadline(past) }

var errTalks = errors.New("the client sends what nobody waits for")

func (t *taken) wait() error {
	_, err := t.conn.Read(t.none[:])
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case err == nil:
		return errTalks
	}
	return err
}

func (t *taken) send(text []byte) error {
	if err := t.conn.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	n, err := t.conn.Write(text)
	t.visit.bytes += int64(n)
	return err
}

// held is a request whose handler waits.
type held struct {
	x     *exchange
	c     *http.ResponseController
	r     *http.Request
	woken chan struct{}
	timer *time.Timer
}

func (h *held) notify() {
	select {
	case h.woken <- struct{}{}:
	default: // it is about to look already
	}
}

func (h *held) arm(until time.Time) { h.timer.Reset(time.Until(until)) }

func (h *held) wait() error {
	select {
	case <-h.woken:
	case <-h.timer.C:
	case <-h.r.Context().Done():
		return h.r.Context().Err()
	}
	return nil
}

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
