package api

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/statusd/statusd/internal/auth"
	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/watch"
)

// events answers with a stream of a record's states, as server-sent events.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
func (s *server) events(x *exchange, r *http.Request) error {
	id, err := requestID(x, r)
	if err != nil {
		return err
	}
	if _, err := query(r); err != nil {
		return err
	}
	if !x.caller.Bound.MayHave(id) {
		return store.ErrNotFound
	}
	done, err := s.watching(x, "stream")
	if err != nil {
		return err
	}
	// Registered before anything is read or sent, so that no change is lost.
	subscription, err := s.config.Watch.Subscribe(id)
	if err != nil {
		done()
		return err
	}
	// Who comes back knows of a record, and is to learn that it is gone. That
	// must be so now, and not have been so before the record came into being.
	back := isVersion(r.Header.Get("Last-Event-ID"))
	st := &stream{subscription: subscription, caller: x.caller, there: back, due: time.Now().Add(commentEvery), done: done}
	defer func() {
		if !x.handedOver {
			st.close()
		}
	}()
	if st.first, err = subscription.First(r.Context(), back || fresh(r)); err != nil {
		return err
	}
	st.first = visible(x.caller, st.first)
	h := x.Header()
	h["Cache-Control"] = noStore
	if record := st.first.Snapshot; record != nil && record.Status.Terminal() && lastSeen(r.Header, record.Version) {
		x.WriteHeader(http.StatusNoContent) // it has seen the end: this is how an EventSource is told to stop
		return nil
	}
	h["Content-Type"] = eventStream
	h["X-Accel-Buffering"] = no // or a proxy would keep the events for itself
	if r.Method == http.MethodHead {
		x.WriteHeader(http.StatusOK)
		return nil
	}
	s.stream(x, r, st)
	return nil
}

// lastSeen tells whether a version is the last that the client has seen. What
// is no version is none of ours.
func lastSeen(h http.Header, version int64) bool {
	return h.Get("Last-Event-ID") == strconv.FormatInt(version, 10)
}

func isVersion(id string) bool {
	_, err := strconv.ParseUint(id, 10, 63)
	return err == nil
}

// As of [noCache].
var (
	noStore     = []string{"no-store"}
	eventStream = []string{"text/event-stream"}
	no          = []string{"no"}
	identity    = []string{"identity"}
)

// stream is what one client is told. How it gets there is another matter: see
// [server.stream].
type stream struct {
	subscription *watch.Subscription
	caller       *auth.Credential
	first        *watch.State // until it is told
	there        bool         // the client knows of a record
	due          time.Time    // for a comment
	done         func()
}

// close is the last act of a stream: who waits for the end waits for this.
func (st *stream) close() {
	st.done()
	st.subscription.Close()
}

// comment keeps proxies from taking a quiet stream for a dead one.
var comment = []byte(":\n\n")

// next returns what is to be sent now, nil for nothing, and whether that is
// the end of the stream.
func (st *stream) next() (text []byte, end bool) {
	var state *watch.State
	if state = visible(st.caller, st.subscription.Next()); state == nil {
		state = st.first
	}
	if st.first != nil {
		st.first = nil
		text = retry(time.Second, 5*time.Second) // replaces the client's own, which is the same for all
	}
	switch {
	case state == nil:
	case state.Snapshot != nil:
		st.there = true
		event := encode(state.Snapshot, state.Liveness).event()
		if end = state.Snapshot.Status.Terminal(); text == nil {
			return event, end // as it is for all
		}
		text = append(text, event...)
	case st.there:
		st.there = false
		text = append(text, "event: gone\ndata: {}\n\n"...)
	}
	if !end && st.subscription.Stopping() {
		text, end = append(text, retry(time.Second, 10*time.Second)...), true
	}
	return text, end
}

// recordEvent is a record as an event, and the end after one that is over.
func recordEvent(r model.Record, body []byte) []byte {
	var b bytes.Buffer
	b.WriteString("event: status\nid: ")
	b.WriteString(strconv.FormatInt(r.Version, 10))
	b.WriteString("\ndata: ")
	b.Write(body) // one line, with its end
	b.WriteString("\n")
	if r.Status.Terminal() {
		b.WriteString("event: end\ndata: {}\n\n")
	}
	return b.Bytes()
}

// retry tells the client how long to wait before it connects anew: a while of
// random length, so that not all come back at once.
func retry(from, to time.Duration) []byte {
	wait := from + rand.N(to-from)
	return []byte("retry: " + strconv.FormatInt(wait.Milliseconds(), 10) + "\n\n")
}
