package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/watch"
)

// awaiting tells when somebody who waits has looked for the first time, and so
// is registered, and what is seen then and later.
type awaiting struct {
	Watch
	began chan bool // whether it was a fresh read
	seen  chan *watch.State
}

func (a awaiting) Await(ctx context.Context, id string, fresh bool, wait time.Duration, will func(*watch.State) bool) (*watch.State, error) {
	began := sync.OnceFunc(func() { a.began <- fresh })
	return a.Watch.Await(ctx, id, fresh, wait, func(s *watch.State) bool {
		ok := will(s)
		a.seen <- s
		began()
		return ok
	})
}

func startAwaiting(t *testing.T, options ...func(*Config)) (*service, awaiting) {
	a := awaiting{began: make(chan bool, 100), seen: make(chan *watch.State, 100)}
	s := start(t, append(options, func(c *Config) { a.Watch, c.Watch = c.Watch, &a })...)
	return s, a
}

// held begins a request, and returns its answer once there is one.
func (s *service) held(a awaiting, path string, headers ...string) (answered <-chan answer) {
	s.t.Helper()
	answers := make(chan answer, 1)
	go func() { answers <- s.get(path, headers...) }()
	<-a.began
	return answers
}

// isHeld requires that there is no answer yet, though whoever waits has seen
// that status.
func isHeld(t *testing.T, a awaiting, status model.Status, answered <-chan answer) {
	t.Helper()
	for state := range a.seen {
		if state.Snapshot != nil && state.Snapshot.Status == status {
			break
		}
	}
	select {
	case got := <-answered:
		require.FailNow(t, "it is answered", "%d %s", got.status, got.body)
	case <-time.After(20 * time.Millisecond):
	}
}

// watchers waits for the gauge to have that value.
func (s *service) watchers(by string, want int) {
	s.t.Helper()
	line := fmt.Sprintf("\nstatusd_watchers{by=%q} %d\n", by, want)
	require.Eventually(s.t, func() bool { return strings.Contains(s.get("/metrics", s.root...).body, line) }, 20*time.Second, time.Millisecond)
}

func (a answer) version() string { return strconv.FormatFloat(a.json("version").(float64), 'f', 0, 64) }

func TestAWaitIsHeldUntilTheRecordIsAnotherOne(t *testing.T) {
	t.Parallel()
	s, a := startAwaiting(t)
	old := s.posted("a", `{"status":"started"}`)
	byTag := s.held(a, "/status/a?wait=50s", "If-None-Match", old.header.Get("ETag"))
	byVersion := s.held(a, "/status/a?wait=50&version="+old.version())
	s.watchers("wait", 2)
	posted := s.posted("a", `{"status":"in-progress"}`)
	for _, held := range []<-chan answer{byTag, byVersion} {
		got := <-held
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, posted.body, got.body)
		require.Equal(t, posted.header.Get("ETag"), got.header.Get("ETag"))
		require.Equal(t, "no-cache", got.header.Get("Cache-Control"))
		require.NotEmpty(t, got.header.Get("Retry-After"))
		require.GreaterOrEqual(t, s.requestLine(got)["duration_ms"], 0.)
	}
	s.watchers("wait", 0)
}

func TestAWaitIsHeldUntilTheRecordComesIntoBeing(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"wait=50s", "wait=50s&version=0"} {
		s, a := startAwaiting(t)
		held := s.held(a, "/status/a?"+query)
		posted := s.posted("a", `{"status":"started"}`)
		got := <-held
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, posted.body, got.body)
	}
}

func TestUntilTerminalIsHeldUntilTheJobIsOver(t *testing.T) {
	t.Parallel()
	s, a := startAwaiting(t)
	held := s.held(a, "/status/a?until=terminal") // it is not there
	for _, status := range []model.Status{model.Started, model.InProgress} {
		s.posted("a", `{"status":"`+string(status)+`"}`)
		isHeld(t, a, status, held)
	}
	posted := s.posted("a", `{"status":"fail"}`)
	require.Equal(t, posted.body, (<-held).body)

	tag := posted.header.Get("ETag")
	require.Equal(t, http.StatusNotModified, s.get("/status/a?until=terminal", "If-None-Match", tag).status)
}

func TestWhatIsNewsIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	version := s.posted("a", `{"status":"started"}`).version()
	s.posted("a", `{"status":"in-progress"}`)
	s.posted("over", `{"status":"success"}`)
	for path, headers := range map[string][]string{
		"/status/a?wait=50s":                        nil,
		"/status/a?wait=50s&version=0":              nil,
		"/status/a?wait=50s&version=" + version:     nil,
		"/status/a?wait=40s":                        {"If-None-Match", `"` + version + `-live"`},
		"/status/over?until=terminal":               nil,
		"/status/over?until=terminal&version=7":     nil,
		"/status/a?until=terminal&wait=0":           nil, // is no wait
		"/status/a?wait=0s&version=" + version + "": nil,
	} {
		began := time.Now()
		require.Equal(t, http.StatusOK, s.get(path, headers...).status, path)
		require.Less(t, time.Since(began), 10*time.Second, path)
	}
	// What the client has is no more.
	s.get("/status/none?wait=50s&version=7").isProblem(http.StatusNotFound, notFound)
	s.get("/status/none?wait=50s", "If-None-Match", `"7-live"`).isProblem(http.StatusNotFound, notFound)
}

func TestAtTheEndOfAWaitTheRecordIsAnsweredAsItIs(t *testing.T) {
	t.Parallel()
	s := start(t)
	posted := s.posted("a", `{"status":"started"}`)
	const soon = "wait=50ms"
	began := time.Now()
	got := s.get("/status/a?"+soon, "If-None-Match", posted.header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, got.status)
	require.Empty(t, got.body)
	require.Equal(t, posted.header.Get("ETag"), got.header.Get("ETag"))
	require.Equal(t, posted.body, s.get("/status/a?"+soon+"&version="+posted.version()).body)
	require.Equal(t, posted.body, s.get("/status/a?"+soon+"&until=terminal").body)
	for _, query := range []string{"", "&version=0", "&until=terminal"} {
		s.get("/status/none?"+soon+query).isProblem(http.StatusNotFound, notFound)
	}
	require.GreaterOrEqual(t, time.Since(began), 6*50*time.Millisecond)
}

func TestADeleteEndsAWaitAtOnce(t *testing.T) {
	t.Parallel()
	s, a := startAwaiting(t)
	posted := s.posted("a", `{"status":"started"}`)
	held := []<-chan answer{
		s.held(a, "/status/a?wait=50s", "If-None-Match", posted.header.Get("ETag")),
		s.held(a, "/status/a?wait=50s", "If-None-Match", "*"),
		s.held(a, "/status/a?wait=50s&version="+posted.version()),
		s.held(a, "/status/a?until=terminal"),
	}
	require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, "/status/a", "").status)
	for _, each := range held {
		(<-each).isProblem(http.StatusNotFound, notFound)
	}
}

func TestSilenceEndsAWaitForAnotherEntityTag(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.clock.mu.Lock()
	s.clock.runs = true
	s.clock.mu.Unlock()
	posted := s.posted("a", `{"status":"started","report_every":1}`)
	got := s.get("/status/a?wait=50s", "If-None-Match", posted.header.Get("ETag"))
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, "late", got.json("liveness"))
	require.Equal(t, posted.version(), got.version())
}

func TestAWaitMayBeAHeadOrForAPerson(t *testing.T) {
	t.Parallel()
	s, a := startAwaiting(t)
	head := make(chan answer, 1)
	go func() { head <- s.do(http.MethodHead, "/status/a?wait=50s", "") }()
	<-a.began
	text := s.held(a, "/status/a?until=terminal", "Accept", "text/plain")
	posted := s.posted("a", `{"status":"success"}`)
	got := <-head
	require.Equal(t, http.StatusOK, got.status)
	require.Empty(t, got.body)
	require.Equal(t, posted.header.Get("ETag"), got.header.Get("ETag"))
	got = <-text
	require.Equal(t, "a  success  ended 0s ago\n", got.body)
	require.Empty(t, got.header.Get("ETag"))
}

func TestAWaitMayBeginWithAReadOfItsOwn(t *testing.T) {
	t.Parallel()
	s, a := startAwaiting(t)
	s.posted("a", `{"status":"started"}`)
	s.get("/status/a?wait=50s")
	require.False(t, <-a.began)
	s.get("/status/a?wait=50s", "Cache-Control", "no-cache")
	require.True(t, <-a.began)
}

func TestAServiceThatStopsAnswersWhatItHolds(t *testing.T) {
	t.Parallel()
	s, a := startAwaiting(t)
	posted := s.posted("a", `{"status":"started"}`)
	same := s.held(a, "/status/a?wait=50s", "If-None-Match", posted.header.Get("ETag"))
	running := s.held(a, "/status/a?until=terminal")
	none := s.held(a, "/status/b?wait=50s")
	s.watch.Stop()
	require.Equal(t, http.StatusNotModified, (<-same).status)
	require.Equal(t, posted.body, (<-running).body)
	(<-none).isProblem(http.StatusNotFound, notFound)
	require.NoError(t, s.watch.Wait(t.Context()))

	refused := s.get("/status/a?wait=50s")
	refused.isProblem(http.StatusServiceUnavailable, draining)
	require.Regexp(t, `^[123]$`, refused.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, s.get("/status/a").status)
}

func TestAClientThatLeavesIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s, a := startAwaiting(t)
	ctx, leave := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/status/a?wait=50s", nil)
		_, err := http.DefaultClient.Do(r) //nolint:bodyclose // there is none
		failed <- err
	}()
	<-a.began
	s.watchers("wait", 1)
	leave()
	require.ErrorIs(t, <-failed, context.Canceled)
	s.watchers("wait", 0)
	s.watch.Stop()
	require.NoError(t, s.watch.Wait(t.Context()))
}

// few makes that many watchers too many.
func few(most int) func(*Config) {
	return func(c *Config) {
		c.Watch = watch.New(c.Store.(*store.Store), watch.Config{Freshness: time.Second, Timeout: time.Second, Most: most})
	}
}

func TestTooManyWhoWaitAreTurnedAway(t *testing.T) {
	t.Parallel()
	s, a := startAwaiting(t, few(1))
	held := s.held(a, "/status/a?wait=50s")
	refused := s.get("/status/b?wait=50s")
	refused.isProblem(http.StatusServiceUnavailable, tooManyWatchers)
	seconds, err := strconv.Atoi(refused.header.Get("Retry-After"))
	require.NoError(t, err)
	require.True(t, 5 <= seconds && seconds <= 30, seconds)
	s.get("/status/b").isProblem(http.StatusNotFound, notFound)
	s.posted("a", `{"status":"started"}`)
	require.Equal(t, http.StatusOK, (<-held).status)
	s.watchers("wait", 0)
	require.Equal(t, http.StatusOK, s.get("/status/a?wait=50s").status)
}

func TestAWaitOutlivesTheServersTimeouts(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		for range 2 { // on one connection
			response, err := s.browser.Get(s.streams + "/status/a?wait=" + (serversPatience * 5 / 4).String())
			require.NoError(t, err)
			require.Equal(t, http.StatusNotFound, response.StatusCode)
			_, err = io.Copy(io.Discard, response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
		}
	})
}

func TestWhatAWaitAsksForIsRead(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]time.Duration{
		"wait=30s": 30 * time.Second, "wait=30": 30 * time.Second, "wait=1m": longestWait, "wait=500ms": 500 * time.Millisecond,
		"wait=51s": longestWait, "wait=87600h": longestWait, "wait=0": 0, "wait=1.5s": 1500 * time.Millisecond,
		"until=terminal": longestWait, "until=terminal&wait=1s": time.Second, "": 0,
	} {
		w, err := readWish(must(http.NewRequest(http.MethodGet, "/status/a?"+query, nil)))
		require.NoError(t, err, query)
		require.Equal(t, want, w.wait, query)
		require.Equal(t, strings.Contains(query, "until"), w.over, query)
		require.Nil(t, w.version, query)
	}
	require.Equal(t, 50*time.Second, longestWait)
}

func TestAWaitThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.posted("a", `{"status":"started"}`)
	for query, fields := range map[string][]string{
		"wait=": {"wait"}, "wait=soon": {"wait"}, "wait=-1s": {"wait"}, "wait=-1": {"wait"}, "wait=1y": {"wait"},
		"until=": {"until"}, "until=success": {"until"}, "until=Terminal": {"until"},
		"wait=1s&version=": {"version"}, "wait=1s&version=-1": {"version"}, "wait=1s&version=x": {"version"},
		"until=terminal&version=1.5": {"version"}, "wait=1s&version=9223372036854775808": {"version"},
		"version=1":                    {"version"},
		"wait=soon&until=x&version=-1": {"until", "wait", "version"},
	} {
		a := s.get("/status/a?" + query)
		a.isProblem(http.StatusUnprocessableEntity, invalidField)
		require.ElementsMatch(t, fields, a.fields(), query)
	}
	for query, fields := range map[string][]string{
		"wait=1s&wait=2s": {"wait"}, "until=terminal&until=terminal": {"until"},
		"wait=1s&version=1&version=1&wait=1s": {"wait", "version"}, "wiat=1s": {"wiat"},
	} {
		a := s.get("/status/a?" + query)
		a.isProblem(http.StatusBadRequest, invalidQuery)
		require.ElementsMatch(t, fields, a.fields(), query)
	}
	s.get("/status/a?wait=1s", "If-None-Match", "x").isProblem(http.StatusBadRequest, invalidHeader)
	s.get("/status/"+url.PathEscape("a b")+"?wait=1s").isProblem(http.StatusUnprocessableEntity, invalidField)
}
