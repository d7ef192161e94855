package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stream is a stream of events as its client gets it.
type stream struct {
	t     *testing.T
	leave func()
	lines chan line // closed at the end
}

type line struct {
	text string
	at   time.Time
}

// stream asks for one, with a client that has all the time there is.
func (s *service) stream(t *testing.T, id string) *stream {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	t.Cleanup(leave)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/status/"+id+"/events", nil)
	require.NoError(t, err)
	response, err := (&http.Client{Transport: s.client.Transport}).Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { response.Body.Close() })
	require.Equal(t, http.StatusOK, response.StatusCode)
	st := &stream{t, leave, make(chan line, 1000)}
	go func() {
		defer close(st.lines)
		scanner := bufio.NewScanner(response.Body)
		for scanner.Scan() {
			st.lines <- line{scanner.Text(), time.Now()}
		}
		if err := scanner.Err(); err != nil {
			st.lines <- line{"broken off: " + err.Error(), time.Now()}
		}
	}()
	return st
}

// await waits for a line that begins so, and returns its rest.
func (st *stream) await(beginning string, most time.Duration) string {
	st.t.Helper()
	over := time.After(most)
	for {
		select {
		case got, ok := <-st.lines:
			require.True(st.t, ok, "it ends without %q", beginning)
			if rest, ok := strings.CutPrefix(got.text, beginning); ok {
				return rest
			}
		case <-over:
			require.FailNow(st.t, "it does not come", "%q within %s", beginning, most)
		}
	}
}

// status waits for a record.
func (st *stream) status(most time.Duration) string {
	st.t.Helper()
	st.await("event: status", most)
	return st.await("data: ", most)
}

// ends requires that nothing more comes but empty lines.
func (st *stream) ends() {
	st.t.Helper()
	for {
		select {
		case got, ok := <-st.lines:
			if !ok {
				return
			}
			require.Empty(st.t, got.text)
		case <-time.After(20 * time.Second):
			require.FailNow(st.t, "it does not end")
		}
	}
}

func TestAStreamAndAWaitOutliveEveryTimeoutOfTheServer(t *testing.T) {
	t.Parallel()
	s := launch(t, environment(t))
	patient := &http.Client{Transport: s.client.Transport}
	began := time.Now()
	waited := make(chan error, 1)
	go func() {
		response, err := patient.Get(s.url + "/status/none?wait=50s")
		if err == nil {
			response.Body.Close()
			if took := time.Since(began); response.StatusCode != http.StatusNotFound || took < 50*time.Second || took > 60*time.Second {
				err = fmt.Errorf("%d after %s", response.StatusCode, took)
			}
		}
		waited <- err
	}()

	st := s.stream(t, "job")
	last, comments := st.first(), 0
	const hold = idleTimeout + 5*time.Second
	for over := time.After(hold); over != nil; {
		select {
		case got, ok := <-st.lines:
			require.True(t, ok)
			if got.text == "" {
				continue
			}
			require.Equal(t, ":", got.text)
			require.LessOrEqual(t, got.at.Sub(last), 25*time.Second, "proxies wait for 30 at least, and this machine is busy")
			require.GreaterOrEqual(t, got.at.Sub(last), 10*time.Second, "no more than needed")
			last, comments = got.at, comments+1
		case <-over:
			over = nil
		}
	}
	require.LessOrEqual(t, time.Since(last), 16*time.Second)
	require.GreaterOrEqual(t, comments, int(hold/(16*time.Second)))
	require.NoError(t, <-waited)

	s.do(http.StatusCreated, "POST", "/status/job", `{"status": "started"}`)
	require.Contains(t, st.status(2*time.Second), `"started"`)
	s.do(http.StatusOK, "POST", "/status/job", `{"status": "success"}`)
	require.Contains(t, st.status(2*time.Second), `"success"`)
	st.await("event: end", 2*time.Second)
	st.await("data: {}", 2*time.Second)
	st.ends()
}

// first waits for the stream's first line.
func (st *stream) first() time.Time {
	st.t.Helper()
	st.await("retry: ", 10*time.Second)
	return time.Now()
}

func TestASignalEndsStreamsAndAnswersWhoWaits(t *testing.T) {
	t.Parallel()
	s := launch(t, environment(t))
	s.do(http.StatusCreated, "POST", "/status/job", `{"status": "started"}`)
	running, unknown := s.stream(t, "job"), s.stream(t, "unknown")
	require.Contains(t, running.status(10*time.Second), `"started"`)
	unknown.first()
	answers := make(chan answer, 2)
	for _, path := range []string{"/status/job?until=terminal", "/status/unknown?wait=50s"} {
		go func() {
			got, err := s.ask("GET", path, "")
			if err != nil {
				t.Error(err)
			}
			answers <- got
		}()
	}
	s.watchers(t, "wait", 2)
	signalled := time.Now()
	require.NoError(t, s.process.Signal(terminate))
	for _, st := range []*stream{running, unknown} {
		milliseconds, err := strconv.Atoi(st.await("retry: ", 10*time.Second))
		require.NoError(t, err)
		require.True(t, 1000 <= milliseconds && milliseconds <= 10000, milliseconds)
		st.ends()
	}
	statuses := []int{}
	for range 2 {
		statuses = append(statuses, (<-answers).status)
	}
	require.ElementsMatch(t, []int{http.StatusOK, http.StatusNotFound}, statuses)
	require.Equal(t, exitOK, s.exit())
	require.Less(t, time.Since(signalled), 5*time.Second, "of the 15 that it may take")
	require.Contains(t, s.log.String(), "stopped")
}

func TestAStreamTellsWhatIsReportedToAnotherReplica(t *testing.T) {
	onEveryStore(t, func(t *testing.T, environ []string) {
		one := launch(t, environ)
		other := one // the embedded store has no other
		if strings.HasSuffix(t.Name(), "/dynamodb") {
			other = launch(t, environ)
		}
		const soon = 2 * time.Second
		st := one.stream(t, "job")
		st.first()
		other.do(http.StatusCreated, "POST", "/status/job", `{"status": "started", "report_every": 1}`)
		require.Contains(t, st.status(soon), `"liveness":"live"`)
		require.Contains(t, st.status(2*time.Second+soon), `"liveness":"late"`)
		other.do(http.StatusOK, "POST", "/status/job", `{"status": "in-progress"}`)
		require.Contains(t, st.status(soon), `"in-progress"`)
		other.do(http.StatusNoContent, "DELETE", "/status/job", "")
		st.await("event: gone", soon)
		other.do(http.StatusCreated, "POST", "/status/job", `{"status": "success"}`)
		require.Contains(t, st.status(soon), `"success"`)
		st.await("event: end", soon)
		st.await("data: {}", soon)
		st.ends()
	})
}

// metric reads one from /metrics; one that is not there is 0.
func (s *service) metric(t *testing.T, name string) int {
	t.Helper()
	for line := range strings.Lines(string(s.do(http.StatusOK, "GET", "/metrics", "").body)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			require.NoError(t, err)
			return int(number)
		}
	}
	return 0
}

// watchers waits until so many watch.
func (s *service) watchers(t *testing.T, by string, want int) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got := s.metric(t, fmt.Sprintf("statusd_watchers{by=%q}", by))
		if got == want {
			return
		}
		require.True(t, time.Now().Before(deadline), "%d watch by %s, not %d", got, by, want)
	}
}

func TestTenThousandWatchersComeAndGoAndLeaveNothing(t *testing.T) {
	t.Parallel()
	s := launch(t, environment(t))
	address := strings.TrimPrefix(s.url, "http://")
	comeAndGo := func(path, by string, many int) {
		clients := make([]net.Conn, many)
		for i := range clients {
			conn, err := net.Dial("tcp", address)
			require.NoError(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, "GET "+fmt.Sprintf(path, i%100)+" HTTP/1.1\r\nHost: "+address+"\r\n\r\n")
			require.NoError(t, err)
			clients[i] = conn
		}
		s.watchers(t, by, many)
		for _, conn := range clients {
			require.NoError(t, conn.Close())
		}
		s.watchers(t, by, 0)
	}
	stream, wait := "/status/job-%d/events", "/status/job-%d?wait=50s"
	comeAndGo(stream, "stream", 50) // the store opens what it keeps open
	comeAndGo(wait, "wait", 50)
	before := s.metric(t, "go_goroutines")
	for range 5 {
		comeAndGo(stream, "stream", 1000)
		comeAndGo(wait, "wait", 1000)
	}
	after := 0
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if after = s.metric(t, "go_goroutines"); after <= before+5 { // of the runtime, and of readers of the store
			break
		}
	}
	require.LessOrEqual(t, after, before+5)
	require.NoError(t, s.process.Signal(terminate))
	require.Equal(t, exitOK, s.exit())
}
