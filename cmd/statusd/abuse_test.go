package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// These are clients that do harm, by fault or on purpose, to the program as it
// is run. Beside each there is one that does none, and is to be served; and the
// memory of the program is measured.

// besieged is a service with tokens for everything, and its bystander.
type besieged struct {
	*service
	keys    string
	address string
}

func besiege(t *testing.T, variables ...string) *besieged {
	t.Helper()
	keys := signing(t)
	s := launch(t, environment(t, append(variables, "SIGNING_KEYS="+keys)...))
	return &besieged{s, keys, strings.TrimPrefix(s.url, "http://")}
}

// bystander is a client that does no harm, until its verdict is asked for.
func (s *besieged) bystander() (verdict func()) {
	s.t.Helper()
	s.token = issued(s.t, s.keys, "--job", "quiet", "--scope", "write")
	s.do(http.StatusCreated, http.MethodPost, "/status/quiet", `{"status":"started"}`)
	var worst atomic.Int64
	var fault atomic.Pointer[string]
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			began := time.Now()
			for _, ask := range []struct {
				method, path, body string
			}{{http.MethodGet, "/status/quiet", ""}, {http.MethodPost, "/status/quiet", `{"status":"in-progress"}`}, {http.MethodGet, "/healthz", ""}} {
				a, err := s.ask(ask.method, ask.path, ask.body)
				if err != nil || a.status != http.StatusOK {
					text := fmt.Sprintf("%s %s: %d %s %v", ask.method, ask.path, a.status, a.body, err)
					fault.Store(&text)
				}
			}
			worst.Store(max(worst.Load(), int64(time.Since(began))))
		}
	}()
	return func() {
		s.t.Helper()
		close(stop)
		<-stopped
		if text := fault.Load(); text != nil {
			require.FailNow(s.t, "somebody who does no harm was not served", *text)
		}
		took := time.Duration(worst.Load())
		s.t.Logf("the bystander's slowest read, report and health check took %s", took)
		require.Less(s.t, took, 5*time.Second)
	}
}

// memory is what the process holds, in bytes.
func (s *besieged) memory() int {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Pid))
	require.NoError(s.t, err)
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(s.t, err)
	return kilobytes << 10
}

// grew requires that the process holds at most so much more.
func (s *besieged) grew(before, most int) {
	s.t.Helper()
	s.t.Logf("%d MB, %d MB before", s.memory()>>20, before>>20)
	require.Less(s.t, s.memory(), before+most)
}

// dial opens a connection to it, until the test ends.
func (s *besieged) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { c.Close() })
	return c
}

// flood sends requests down some connections as fast as they are answered, and
// returns how many had each status.
func (s *besieged) flood(connections, each int, request func(connection, n int) string) map[int]int {
	s.t.Helper()
	var mu sync.Mutex
	statuses := make(map[int]int)
	var all sync.WaitGroup
	for connection := range connections {
		c := s.dial()
		all.Go(func() {
			answers := bufio.NewReader(c)
			const batch = 50
			for n := 0; n < each; n += batch {
				var text bytes.Buffer
				for m := range batch {
					text.WriteString(request(connection, n+m))
				}
				if _, err := c.Write(text.Bytes()); err != nil {
					return
				}
				for range batch {
					answer, err := http.ReadResponse(answers, nil)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, answer.Body)
					mu.Lock()
					statuses[answer.StatusCode]++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return statuses
}

func get(path, token string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\n\r\n"
}

func TestANoisyWorkerIsHeldBack(t *testing.T) {
	s := besiege(t, "RATE_LIMIT=1000")
	verdict := s.bystander()
	noisy := issued(t, s.keys, "--job", "noisy", "--scope", "write")
	const body = `{"status":"in-progress","message":"again"}`
	report := fmt.Sprintf("POST /status/noisy HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", noisy, len(body), body)
	before := s.memory()
	statuses := s.flood(32, 1000, func(int, int) string { return report })
	verdict()
	t.Log(statuses)
	require.Greater(t, statuses[http.StatusTooManyRequests], 10_000)
	require.Greater(t, statuses[http.StatusOK], 1000, "it may do what it may")
	require.Equal(t, 32_000, statuses[http.StatusCreated]+statuses[http.StatusOK]+statuses[http.StatusTooManyRequests])
	s.grew(before, 100<<20)
}

func TestAReaderWithTenThousandTabsHasItsShare(t *testing.T) {
	s := besiege(t)
	verdict := s.bystander()
	reader := issued(t, s.keys, "--job", "many", "--scope", "read")
	before := s.memory()
	statuses := make(map[int]int)
	for range 10_000 {
		c := s.dial()
		_, err := io.WriteString(c, get("/status/many/events", reader))
		require.NoError(t, err)
		answer, err := http.ReadResponse(bufio.NewReaderSize(c, 512), nil)
		require.NoError(t, err)
		statuses[answer.StatusCode]++
	}
	require.Equal(t, map[int]int{http.StatusOK: 1000, http.StatusTooManyRequests: 9000}, statuses)
	another := s.dial()
	_, err := io.WriteString(another, get("/status/quiet/events", issued(t, s.keys, "--owner", "somebody", "--scope", "read")))
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(another), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	verdict()
	s.grew(before, 400<<20)
}

func TestClientsThatSendAByteASecondAreCutOff(t *testing.T) {
	t.Parallel()
	s := besiege(t)
	verdict := s.bystander()
	worker := issued(t, s.keys, "--job", "slow", "--scope", "write")
	header := []net.Conn{}
	for range 300 {
		header = append(header, s.dial())
	}
	var bodies []net.Conn
	for range 100 {
		c := s.dial()
		_, err := fmt.Fprintf(c, "POST /status/slow HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n", worker)
		require.NoError(t, err)
		bodies = append(bodies, c)
	}
	began := time.Now()
	cut := func(c net.Conn) bool { // it was answered, or just closed
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second)) // half of what an idle one would have
		_, err := c.Read(make([]byte, 1))
		timeout, ok := err.(net.Error)
		return !ok || !timeout.Timeout()
	}
	for time.Since(began) < headerTimeout+3*time.Second {
		time.Sleep(time.Second)
		for _, c := range append(header, bodies...) {
			_, _ = c.Write([]byte("G"))
		}
	}
	for _, c := range header {
		require.True(t, cut(c), "a header takes %s at most", headerTimeout)
	}
	for time.Since(began) < bodyTimeout+3*time.Second {
		time.Sleep(time.Second)
		for _, c := range bodies {
			_, _ = c.Write([]byte(" "))
		}
	}
	for _, c := range bodies {
		require.True(t, cut(c), "a body takes %s at most", bodyTimeout)
	}
	verdict()
}

func TestABodyThatNeverEndsIsRefused(t *testing.T) {
	t.Parallel()
	s := besiege(t)
	verdict := s.bystander()
	worker := issued(t, s.keys, "--job", "endless", "--scope", "write")
	before := s.memory()
	chunk := "10000\r\n" + strings.Repeat(" ", 1<<16) + "\r\n"
	for range 20 {
		c := s.dial()
		_, err := fmt.Fprintf(c, "POST /status/endless HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", worker)
		require.NoError(t, err)
		sent := 0
		for sent < 64<<20 {
			_ = c.SetWriteDeadline(time.Now().Add(5 * time.Second))
			n, err := io.WriteString(c, chunk)
			sent += n
			if err != nil {
				break
			}
		}
		require.Less(t, sent, 64<<20, "nobody reads on")
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil { // or the connection was reset before it could be read
			require.Equal(t, http.StatusRequestEntityTooLarge, answer.StatusCode)
		}
	}
	verdict()
	s.grew(before, 50<<20)
}

func TestAHundredThousandRandomNamesAndTokensLeaveNothingBehind(t *testing.T) {
	s := besiege(t, "ADDRESS_RATE_LIMIT=0")
	verdict := s.bystander()
	reader := issued(t, s.keys, "--prefix", "guess-", "--scope", "write")
	guess := func(connection, n int) string {
		return fmt.Sprintf("guess-%d-%d-%d", connection, n, time.Now().UnixNano())
	}
	warm := s.flood(16, 200, func(c, n int) string { return get("/status/"+guess(c, n), reader) })
	require.Equal(t, map[int]int{http.StatusNotFound: 3200}, warm)
	before := s.memory()
	statuses := s.flood(16, 6250, func(c, n int) string {
		if n%2 == 0 {
			return get("/status/"+guess(c, n), reader)
		}
		return get("/status/quiet", guess(c, n))
	})
	verdict()
	require.Equal(t, map[int]int{http.StatusNotFound: 50_000, http.StatusUnauthorized: 50_000}, statuses)
	s.grew(before, 120<<20)
}
