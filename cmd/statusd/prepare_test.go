package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
	"github.com/statusd/statusd/internal/table/embedded"
)

// refuses asserts that serving ends at once, with one line, and returns it.
func refuses(t *testing.T, environ []string) string {
	t.Helper()
	code, stdout, stderr := invoke(t, environ)
	require.Equal(t, exitFailed, code)
	require.Empty(t, stdout)
	require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	return stderr
}

func TestAPortInUseIsToldInOneLine(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
	line := refuses(t, environment(t, "ADDR="+taken.Addr().String()))
	require.Contains(t, line, taken.Addr().String()+": bind: address already in use")
}

func TestAFileThatAnotherProcessHasOpenIsToldInOneLine(t *testing.T) {
	t.Parallel()
	environ := environment(t)
	launch(t, environ)
	require.Contains(t, refuses(t, environ), "another process has it open")
}

func TestATableOfAnotherShapeIsToldInOneLine(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/other.db"
	engine, err := embedded.Open(path)
	require.NoError(t, err)
	type other struct {
		JobID string `dynamodbav:"job_id" table:"key"`
	}
	jobs, err := table.New[other](engine, "status-table")
	require.NoError(t, err)
	require.NoError(t, jobs.CreateTable(t.Context(), table.Capacity{}))
	require.NoError(t, engine.Close())
	require.Contains(t, refuses(t, environment(t, "DATA="+path)), "job_id")
}

func TestATableIsNotMadeUnlessAskedFor(t *testing.T) {
	t.Parallel()
	environ := environment(t, "TABLE=status-tabel", "CREATE_TABLE=false")
	require.Equal(t, "statusd: there is no table status-tabel; statusd table create makes it\n", refuses(t, environ))
	code, _, _ := invoke(t, environ, "table", "create")
	require.Equal(t, exitOK, code)
	start(t, environ)
}

func TestATableThatIsNotToBeChangedHasToBeComplete(t *testing.T) {
	onEveryStore(t, func(t *testing.T, environ []string) {
		putOlder(t, environ)
		environ = append(environ, "STATUSD_CREATE_TABLE=false")
		require.Contains(t, refuses(t, environ), "it has no index by_status (hash status_shard, range timestamp, KEYS_ONLY); statusd table create adds")
		code, _, stderr := invoke(t, environ, "table", "create")
		require.Equal(t, exitOK, code, stderr)
		start(t, environ)
	})
}

func TestCredentialsThatAreRefusedAreToldAtOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type": "com.amazon.coral.service#UnrecognizedClientException", "message": "The security token is invalid."}`)
	}))
	t.Cleanup(refusing.Close)
	line := refuses(t, environment(t, "STORE=dynamodb", "DYNAMODB_ENDPOINT="+refusing.URL))
	require.Contains(t, line, "UnrecognizedClientException: The security token is invalid.")
	require.EqualValues(t, 1, asked.Load())
}

func TestAStoreThatStaysAwayIsToldInOneLine(t *testing.T) {
	t.Parallel()
	code, _, stderr := invoke(t, environment(t, "STORE=dynamodb", "DYNAMODB_ENDPOINT=http://"+unused(t)))
	require.Equal(t, exitFailed, code)
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	require.Contains(t, lines[len(lines)-1], "statusd: the store did not answer within "+patience.String())
	require.Contains(t, lines[len(lines)-1], "connection refused")
}

func TestAStoreThatHangsIsAskedAgain(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		<-release
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(release) })
	code, _, stderr := invoke(t, environment(t, "STORE=dynamodb", "DYNAMODB_ENDPOINT="+hanging.URL, "REQUEST_TIMEOUT=50ms"))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "statusd: the store did not answer within "+patience.String())
	require.Greater(t, asked.Load(), int64(1))
}

func TestHealthIsToldWhileTheStoreIsStillAwayAndASignalEndsTheWaiting(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 100), make(chan struct{})
	away := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	t.Cleanup(away.Close)
	t.Cleanup(func() { close(release) })
	address := unused(t)
	s := newService(t)
	s.url = "http://" + address
	stop := s.serve(environment(t, "ADDR="+address, "STORE=dynamodb", "DYNAMODB_ENDPOINT="+away.URL))
	<-asked
	s.do(http.StatusOK, "GET", "/healthz", "")
	s.do(http.StatusServiceUnavailable, "GET", "/readyz", "")
	s.do(http.StatusServiceUnavailable, "POST", "/status/job", `{"status": "started"}`)
	stop()
	require.Equal(t, exitOK, s.exit())
	require.NotContains(t, s.log.String(), "serving")
}
