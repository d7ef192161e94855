package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/statusd/statusd/internal/auth"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/watch"
)

// longestWait is how long a request is held. Proxies tend to give up at 60 s.
const longestWait = 50 * time.Second

// wish is what a GET of one record asks for.
type wish struct {
	fresh   bool
	wait    time.Duration // 0: an answer at once
	over    bool          // wait until the job is over
	version *int64        // wait until it is another one; 0 is no record
	seen    tags          // of If-None-Match: wait until it is another one
}

func readWish(r *http.Request) (w wish, err error) {
	w.fresh = fresh(r)
	if w.seen, err = parseTags(r.Header["If-None-Match"]); err != nil {
		return w, badHeader("If-None-Match", err)
	}
	q, err := query(r, "wait", "version", "until")
	if err != nil || q == nil {
		return w, err
	}
	var repeated, bad []fieldError
	for _, name := range []string{"wait", "version", "until"} {
		if len(q[name]) > 1 {
			repeated = append(repeated, twice(name))
		}
	}
	if repeated != nil {
		return w, &fault{kind: invalidQuery, fields: repeated}
	}
	if q.Has("until") {
		if w.over, w.wait = q.Get("until") == "terminal", longestWait; !w.over {
			bad = append(bad, fieldError{"until", "must be terminal"})
		}
	}
	if q.Has("wait") {
		wait, ok := parseWait(q.Get("wait"))
		if w.wait = min(wait, longestWait); !ok {
			bad = append(bad, fieldError{"wait", "must be a time span, like 30s"})
		}
	}
	if q.Has("version") {
		version, err := strconv.ParseInt(q.Get("version"), 10, 64)
		switch w.version = &version; {
		case err != nil || version < 0:
			bad = append(bad, fieldError{"version", "must be a version, or 0 for no record"})
		case !q.Has("wait") && !q.Has("until"):
			bad = append(bad, fieldError{"version", "needs wait, or until"})
		}
	}
	if bad != nil {
		return w, &fault{kind: invalidField, fields: bad}
	}
	return w, nil
}

// parseWait reads 30s, 500ms, or plain seconds.
func parseWait(text string) (time.Duration, bool) {
	wait, err := time.ParseDuration(text)
	if err != nil {
		seconds, err := strconv.ParseUint(text, 10, 31)
		return time.Duration(seconds) * time.Second, err == nil
	}
	return wait, wait >= 0
}

// will returns what tells whether a state is what the client waits for.
func (w wish) will() func(*watch.State) bool {
	if w.over {
		there := false
		return func(s *watch.State) bool {
			if s.Snapshot == nil {
				return there // deleted: it may never end
			}
			there = true
			return s.Snapshot.Status.Terminal()
		}
	}
	return func(s *watch.State) bool {
		version, tag := int64(0), ""
		if s.Snapshot != nil {
			version, tag = s.Snapshot.Version, etag(s.Snapshot.Version, s.Liveness)
		}
		switch {
		case w.version != nil && *w.version == version:
			return false
		case w.seen.given():
			return tag == "" || !w.seen.match(tag)
		}
		return w.version != nil || version != 0
	}
}

// await holds the request until the record is what the client waits for.
func (s *server) await(x *exchange, r *http.Request, id string, w wish) (*store.Snapshot, error) {
	done, err := s.watching(x, "wait")
	if err != nil {
		return nil, err
	}
	defer done()
	patient(x)
	s.rest(x)
	if end := x.caller.Expires; !end.IsZero() {
		w.wait = min(w.wait, time.Until(end))
	}
	will := w.will()
	state, err := s.config.Watch.Await(r.Context(), id, w.fresh, w.wait, func(state *watch.State) bool {
		return will(visible(x.caller, state))
	})
	// Now the client has as long as for any answer. That fails where there is
	// no time-out in the first place.
	_ = http.NewResponseController(x).SetWriteDeadline(time.Now().Add(sendTimeout))
	switch {
	case err != nil:
		return nil, err
	case !x.caller.Valid(time.Now()):
		return nil, refusalOf(auth.ErrExpired)
	case visible(x.caller, state).Snapshot == nil:
		return nil, store.ErrNotFound
	}
	return state.Snapshot, nil
}

// patient takes the server's time-out off an answer that is about to wait: on
// HTTP/2 it ends a stream that is silent as well.
func patient(x *exchange) {
	_ = http.NewResponseController(x).SetWriteDeadline(time.Time{}) // fails where there is none
}
