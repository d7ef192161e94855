package main

import (
	"io"
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

func TestHealthIsToldWhileTheStoreIsStillAway(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 100), make(chan struct{})
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-release
		w.WriteHeader(http.StatusInternalServerError)
	}))
	t.Cleanup(away.Close)
	s := newService(t)
	address := unused(t)
	s.url = "http://" + address
	go func() {
		defer close(s.ended)
		s.code = run(t.Context(), nil, environment(t, "ADDR="+address, "STORE=dynamodb", "DYNAMODB_ENDPOINT="+away.URL), io.Discard, s.log)
	}()
	<-asked
	s.do(http.StatusOK, "GET", "/healthz", "")
	s.do(http.StatusServiceUnavailable, "GET", "/readyz", "")
	s.do(http.StatusServiceUnavailable, "POST", "/status/job", `{"status": "started"}`)
	close(release)
	require.Equal(t, exitFailed, s.exit())
}
