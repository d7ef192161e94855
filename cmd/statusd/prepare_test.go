package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
	"github.com/statusd/statusd/internal/table/embedded"
)

// refused asserts that serving ends at once, with one line, and returns it.
func refused(t *testing.T, environ []string) string {
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
	line := refused(t, environment(t, "ADDR="+taken.Addr().String()))
	require.Contains(t, line, taken.Addr().String()+": bind: address already in use")
}

func TestAFileThatAnotherProcessHasOpenIsToldInOneLine(t *testing.T) {
	t.Parallel()
	environ := environment(t)
	launch(t, environ)
	require.Contains(t, refused(t, environ), "another process has it open")
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
	require.Contains(t, refused(t, environment(t, "DATA="+path)), "job_id")
}

func TestATableIsNotMadeUnlessAskedFor(t *testing.T) {
	t.Parallel()
	environ := environment(t, "TABLE=status-tabel", "CREATE_TABLE=false")
	require.Equal(t, "statusd: there is no table status-tabel; statusd table create makes it\n", refused(t, environ))
	code, _, _ := invoke(t, environ, "table", "create")
	require.Equal(t, exitOK, code)
	start(t, environ)
}

func TestAStoreThatStaysAwayIsToldInOneLine(t *testing.T) {
	t.Parallel()
	code, _, stderr := invoke(t, environment(t, "STORE=dynamodb", "DYNAMODB_ENDPOINT=http://"+unused(t)))
	require.Equal(t, exitFailed, code)
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	require.Contains(t, lines[len(lines)-1], "statusd: the store did not answer within "+patience.String())
	require.Contains(t, lines[len(lines)-1], "connection refused")
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
