package api

import (
	"bufio"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/store"
)

// events is a stream as a client sees it.
type events struct {
	t        testing.TB
	response *http.Response
	leave    func()
	come     chan event // closed at the end
	bytes    int        // that have come, once it has ended
}

// event is what stands between two empty lines.
type event struct{ name, id, data, retry, comment string }

func (e *events) read() {
	defer close(e.come)
	var next event
	for lines := bufio.NewReader(e.response.Body); ; {
		line, err := lines.ReadString('\n')
		e.bytes += len(line)
		if err != nil {
			if err != io.EOF || line != "" || next != (event{}) {
				e.come <- event{name: "broken off"}
			}
			return
		}
		switch field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":"); field {
		case "event":
			next.name = strings.TrimSpace(value)
		case "id":
			next.id = strings.TrimSpace(value)
		case "data":
			next.data = strings.TrimSpace(value)
		case "retry":
			next.retry = strings.TrimSpace(value)
		case "":
			if line != "\n" {
				next.comment = ":"
				continue
			}
			e.come <- next
			next = event{}
		default:
			next.name = "no field: " + field
		}
	}
}

// next waits for an event; false for the end of the stream.
func (e *events) next() (event, bool) {
	e.t.Helper()
	select {
	case next, ok := <-e.come:
		return next, ok
	case <-time.After(20 * time.Second):
		require.FailNow(e.t, "nothing comes")
		return event{}, false
	}
}

// status waits for a record, and returns it as text.
func (e *events) status() event {
	e.t.Helper()
	next, ok := e.next()
	require.True(e.t, ok)
	require.Equal(e.t, "status", next.name, next)
	require.Equal(e.t, next.id, answer{t: e.t, body: next.data}.version())
	return next
}

func (e *events) retry() {
	e.t.Helper()
	next, ok := e.next()
	require.True(e.t, ok)
	milliseconds, err := strconv.Atoi(next.retry)
	require.NoError(e.t, err, next)
	require.Equal(e.t, event{retry: next.retry}, next)
	require.True(e.t, 1000 <= milliseconds && milliseconds <= 10000, next)
}

func (e *events) is(name string) {
	e.t.Helper()
	next, ok := e.next()
	require.True(e.t, ok)
	require.Equal(e.t, event{name: name, data: "{}"}, next)
}

// ends requires that nothing more comes, and the stream is closed.
func (e *events) ends() {
	e.t.Helper()
	next, ok := e.next()
	require.False(e.t, ok, next)
}

func TestAStreamTellsTheRecordAndEachChangeUntilTheEnd(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		posted := s.posted("a", `{"status":"started","message":"two\nlines"}`)
		stream := s.open("a")
		stream.retry()
		require.JSONEq(t, posted.body, stream.status().data)
		posted = s.posted("a", `{"status":"in-progress","progress":"1/10"}`)
		require.JSONEq(t, posted.body, stream.status().data)
		require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, "/status/a", "").status)
		stream.is("gone")
		again := s.posted("a", `{"status":"started"}`)
		require.JSONEq(t, again.body, stream.status().data)
		require.Greater(t, again.version(), posted.version())
		posted = s.posted("a", `{"status":"success"}`)
		require.JSONEq(t, posted.body, stream.status().data)
		stream.is("end")
		stream.ends()
		s.watchers("stream", 0)
	})
}

func TestAStreamOfAJobThatIsOverEndsAtOnce(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		posted := s.posted("a", `{"status":"fail"}`)
		for _, headers := range [][]string{nil, {"Last-Event-ID", "1"}, {"Last-Event-ID", "x"}} {
			stream := s.open("a", headers...)
			stream.retry()
			require.JSONEq(t, posted.body, stream.status().data)
			stream.is("end")
			stream.ends()
		}
	})
}

func TestAStreamOfAnUnknownJobIsHeldUntilThereIsOne(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		stream := s.open("a")
		stream.retry()
		require.Empty(t, stream.come)
		posted := s.posted("a", `{"status":"started"}`)
		require.JSONEq(t, posted.body, stream.status().data)
	})
}

func TestWhoComesBackLearnsOfADelete(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		stream := s.open("a", "Last-Event-ID", "1700000000000")
		stream.retry()
		stream.is("gone")
		posted := s.posted("a", `{"status":"started"}`)
		require.JSONEq(t, posted.body, stream.status().data)
	})
}

func TestAnAbsenceThatIsNoNewsIsNotTold(t *testing.T) {
	t.Parallel()
	s := start(t)
	subscription, err := s.watch.Subscribe("a")
	require.NoError(t, err)
	defer subscription.Close()
	first, err := subscription.First(t.Context(), false)
	require.NoError(t, err)
	st := &stream{subscription: subscription, first: first}
	text, end := st.next()
	require.Regexp(t, `^retry: \d{4}\n\n$`, string(text))
	require.False(t, end)
	s.posted("a", `{"status":"started"}`)
	require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, "/status/a", "").status)
	text, end = st.next()
	require.Empty(t, text, "the client never knew of a record")
	require.False(t, end)
}

func TestAClientThatHasSeenTheEndIsToldToStop(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		posted := s.posted("a", `{"status":"success"}`)
		response, _ := s.request("a", "Last-Event-ID", posted.version())
		require.Equal(t, http.StatusNoContent, response.StatusCode)
		require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
		require.Equal(t, http.StatusNoContent, s.get("/status/a/events", "Last-Event-ID", posted.version()).status)

		posted = s.posted("running", `{"status":"started"}`)
		stream := s.open("running", "Last-Event-ID", posted.version())
		stream.retry()
		require.JSONEq(t, posted.body, stream.status().data, "there is more to come")
	})
}

func TestSilenceIsAnEventOfTheSameVersion(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		s.clock.mu.Lock()
		s.clock.runs = true
		s.clock.mu.Unlock()
		s.posted("a", `{"status":"started","report_every":1}`)
		stream := s.open("a")
		stream.retry()
		live, late := stream.status(), stream.status()
		require.Equal(t, live.id, late.id)
		require.Equal(t, strings.Replace(live.data, `"live"`, `"late"`, 1), late.data)
	})
}

func TestAStreamSaysHowItIsToBeHandled(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		response := s.open("a").response
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
			"X-Content-Type-Options": "nosniff",
		} {
			require.Equal(t, want, response.Header.Get(name), name)
		}
		require.NotEmpty(t, response.Header.Get("Traceparent"))
		require.EqualValues(t, -1, response.ContentLength)
		require.Empty(t, response.TransferEncoding)
		require.Equal(t, w.proto == 1, response.Close, "its end is the connection's")
	})
}

func TestAHeadOfAStreamIsNotHeld(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.posted("a", `{"status":"started"}`)
	for _, id := range []string{"a", "unknown"} {
		got := s.do(http.MethodHead, "/status/"+id+"/events", "")
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, "text/event-stream", got.header.Get("Content-Type"))
		s.requestLine(got)
	}
	s.watch.Stop()
	require.NoError(t, s.watch.Wait(t.Context()))
}

func TestAStreamThatCantBeIsAProblem(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.get("/status/a/events?wait=1s").isProblem(http.StatusBadRequest, invalidQuery)
	s.get("/status/a%20b/events").isProblem(http.StatusUnprocessableEntity, invalidField)
	s.get("/status/a/events", "Host", "evil.example.org").isProblem(http.StatusMisdirectedRequest, hostNotAllowed)
	s.do(http.MethodPost, "/status/a/events", "").isProblem(http.StatusMethodNotAllowed, methodNot)
	s.phase = Starting
	s.get("/status/a/events").isProblem(http.StatusServiceUnavailable, starting)
	s.phase = Serving
	s.watch.Stop()
	s.get("/status/a/events").isProblem(http.StatusServiceUnavailable, draining)
	away := start(t, failing{err: store.ErrUnavailable}.use)
	away.get("/status/a/events").isProblem(http.StatusServiceUnavailable, unavailable)
}
