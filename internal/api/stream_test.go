package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
)

// way is how a stream is sent: HTTP/1.1 hands its connection over, HTTP/2
// shares one.
type way struct {
	name  string
	proto int
}

var ways = []way{{"HTTP/1.1", 1}, {"HTTP/2", 2}}

// onBothWays runs a test for both ways of sending.
func onBothWays(t *testing.T, test func(t *testing.T, w way)) {
	t.Parallel()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

// serversPatience is how long the server takes to be read and written, of which
// a stream knows nothing.
const serversPatience = time.Second

// start starts a service that sends its streams this way.
func (w way) start(t *testing.T, options ...func(*Config)) *streaming {
	s := start(t, options...)
	server := httptest.NewUnstartedServer(New(s.config))
	server.Config.ReadTimeout, server.Config.WriteTimeout = serversPatience, serversPatience
	server.EnableHTTP2 = w.proto == 2
	if server.EnableHTTP2 {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return &streaming{s, w, server.URL, server.Client()}
}

// streaming is a service with the address of its streams.
type streaming struct {
	*service
	way
	streams string
	browser *http.Client // knows nothing of the contract, and reads as it goes
}

// request asks for a stream, until its client leaves.
func (s *streaming) request(id string, headers ...string) (response *http.Response, leave func()) {
	s.t.Helper()
	ctx, leave := context.WithCancel(s.t.Context())
	s.t.Cleanup(leave)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.streams+"/status/"+id+"/events", nil)
	require.NoError(s.t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err = s.browser.Do(r)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { response.Body.Close() })
	require.Equal(s.t, s.proto, response.ProtoMajor)
	return response, leave
}

// open begins a stream.
func (s *streaming) open(id string, headers ...string) *events {
	s.t.Helper()
	response, leave := s.request(id, headers...)
	require.Equal(s.t, http.StatusOK, response.StatusCode)
	e := &events{t: s.t, response: response, leave: leave, come: make(chan event, 1000)}
	go e.read()
	return e
}

func TestAStreamOutlivesTheServersTimeouts(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		stream := s.open("a")
		stream.retry()
		for range 2 {
			time.Sleep(serversPatience + serversPatience/4)
			s.posted("a", `{"status":"started"}`)
			stream.status()
			require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, "/status/a", "").status)
			stream.is("gone")
		}
	})
}

func TestStreamsAreCountedWhileTheyLast(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		streams := []*events{s.open("a"), s.open("a"), s.open("b")}
		s.watchers("stream", 3)
		streams[0].leave()
		s.watchers("stream", 2)
		s.posted("a", `{"status":"success"}`)
		s.watchers("stream", 1)
		streams[2].leave()
		s.watchers("stream", 0)
	})
}

func TestAStreamIsLoggedOnceAtItsEnd(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		stream := s.open("a")
		stream.retry()
		s.posted("a", `{"status":"started"}`)
		stream.status()
		time.Sleep(50 * time.Millisecond)
		for _, line := range s.log.of("request") {
			require.NotEqual(t, "/status/{request_id}/events", line["route"])
		}
		s.posted("a", `{"status":"success"}`)
		stream.status()
		stream.is("end")
		stream.ends()
		line := s.requestLine(answer{header: stream.response.Header})
		require.Equal(t, "info", line["level"])
		require.Equal(t, "GET", line["method"])
		require.Equal(t, "/status/{request_id}/events", line["route"])
		require.Equal(t, "a", line["request_id"])
		require.Equal(t, 200., line["status"])
		require.Equal(t, float64(stream.bytes), line["bytes"])
		require.Greater(t, line["duration_ms"], 50.)
		require.NotContains(t, line, "code")
		require.Contains(t, s.get("/metrics").body,
			`statusd_http_requests_total{method="GET",route="/status/{request_id}/events",status="200"} 1`)
	})
}

func TestAClientThatLeavesAStreamIsNoticedAtOnce(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		stream := s.open("a")
		stream.retry()
		left := time.Now()
		stream.leave()
		line := s.requestLine(answer{header: stream.response.Header})
		require.Less(t, time.Since(left), 5*time.Second)
		require.Equal(t, 200., line["status"])
		s.watch.Stop()
		require.NoError(t, s.watch.Wait(t.Context()))
	})
}

func TestStreamsEndWithARetryWhenTheServiceStops(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		posted := s.posted("a", `{"status":"started"}`)
		streams := []*events{s.open("a"), s.open("unknown")}
		streams[0].retry()
		require.JSONEq(t, posted.body, streams[0].status().data)
		streams[1].retry()
		s.watch.Stop()
		for _, stream := range streams {
			stream.retry()
			stream.ends()
		}
		require.NoError(t, s.watch.Wait(t.Context()))
	})
}

func TestTooManyStreamsAreTurnedAway(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t, few(1))
		stream := s.open("a")
		stream.retry()
		refused := s.get("/status/a/events")
		refused.isProblem(http.StatusServiceUnavailable, tooManyWatchers)
		seconds, err := strconv.Atoi(refused.header.Get("Retry-After"))
		require.NoError(t, err)
		require.True(t, 5 <= seconds && seconds <= 30, seconds)
		stream.leave()
		require.Eventually(t, func() bool {
			response, leave := s.request("a")
			defer leave()
			return response.StatusCode == http.StatusOK
		}, 20*time.Second, 10*time.Millisecond)
	})
}

// long is a report as large as one may be.
func long(n int) model.Update {
	message := strings.Repeat("m", 1020) + strconv.Itoa(n)
	u := model.Update{Status: model.InProgress, Message: &message, Metadata: make(map[string]string)}
	for i := range 32 {
		u.Metadata[fmt.Sprintf("key-%d", i)] = strings.Repeat("v", 512)
	}
	return u
}

func TestAClientThatDoesNotReadHoldsUpNobody(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		small := true // what the kernel takes for a client that does not read; HTTP/2 has limits of its own
		s.browser.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err == nil && small && w.proto == 1 {
				err = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
			}
			return conn, err
		}
		idle, _ := s.request("a")
		small = false
		reader := s.open("a")
		reader.retry()
		const reports = 500 // of 18 kB each, more than any buffer takes
		var newest *store.Snapshot
		for n := range reports {
			result, err := s.store.Apply(t.Context(), "a", long(n), store.When{})
			require.NoError(t, err)
			newest = result.Snapshot
			require.Equal(t, strconv.FormatInt(newest.Version, 10), reader.status().id)
		}
		// Who begins to read in the end sees what fitted, and then the newest.
		late := &events{t: t, response: idle, come: make(chan event, 2*reports)}
		go late.read()
		late.retry()
		seen := 1
		for last := strconv.FormatInt(newest.Version, 10); late.status().id != last; seen++ {
			require.Less(t, seen, reports)
		}
		require.Less(t, seen, reports, "what was missed is left out")
	})
}
