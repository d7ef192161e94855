package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inFlight is a request whose body has not been sent, but is waited for.
type inFlight struct {
	connection net.Conn
	answers    *bufio.Reader
	body       string
}

// begin sends the head of a report. The server asks for the body once a
// handler reads it.
func begin(t *testing.T, s *service, id, body string) *inFlight {
	t.Helper()
	address := strings.TrimPrefix(s.url, "http://")
	connection, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() }) // the server may have done so
	_, err = fmt.Fprintf(connection, "POST /status/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", id, address, len(body))
	require.NoError(t, err)
	r := &inFlight{connection, bufio.NewReader(connection), body}
	require.Equal(t, http.StatusContinue, r.answer(t).StatusCode)
	return r
}

func (r *inFlight) answer(t *testing.T) *http.Response {
	t.Helper()
	got, err := http.ReadResponse(r.answers, nil)
	require.NoError(t, err)
	return got
}

func TestASignalLosesNothingThatIsInFlight(t *testing.T) {
	t.Parallel()
	environ := environment(t)
	s := launch(t, environ)
	var requests []*inFlight
	for i := range 20 {
		requests = append(requests, begin(t, s, fmt.Sprintf("job-%d", i), `{"status": "started"}`))
	}
	require.NoError(t, s.process.Signal(terminate))
	s.await("stopping")
	for _, r := range requests {
		_, err := r.connection.Write([]byte(r.body))
		require.NoError(t, err)
		got := r.answer(t)
		require.Equal(t, http.StatusCreated, got.StatusCode)
		require.True(t, got.Close)
		require.NoError(t, got.Body.Close())
	}
	require.Equal(t, exitOK, s.exit())

	s = launch(t, environ)
	for i := range requests {
		s.do(http.StatusOK, "GET", fmt.Sprintf("/status/job-%d", i), "")
	}
}

func TestASecondSignalEndsItAtOnce(t *testing.T) {
	t.Parallel()
	s := launch(t, environment(t))
	begin(t, s, "job", `{"status": "started"}`)
	require.NoError(t, s.process.Signal(terminate))
	s.await("stopping")
	require.NoError(t, s.process.Signal(terminate))
	require.Equal(t, exitFailed, s.exit())
	require.NotContains(t, s.log.String(), "stopped")
}

func TestRequestsThatDoNotEndAreCutOff(t *testing.T) {
	t.Parallel()
	s := launch(t, environment(t, "SHUTDOWN_TIMEOUT=50ms"))
	begin(t, s, "job", `{"status": "started"}`)
	require.NoError(t, s.process.Signal(terminate))
	require.Equal(t, exitFailed, s.exit())
	require.Contains(t, s.log.String(), "statusd: requests were cut off: still in flight after 50ms\n")
}
