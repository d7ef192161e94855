package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// script prepares one of the scripts for workers, for the service at this URL.
func script(t *testing.T, url, name string, args ...string) (command *exec.Cmd, out *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	command, out = exec.CommandContext(ctx, "../../deploy/"+name, args...), new(bytes.Buffer)
	command.WaitDelay = 5 * time.Second // for what it leaves behind
	command.Env = append(os.Environ(), "STATUS_URL="+url, "STATUS_ATTEMPT=7")
	command.Stdout, command.Stderr = out, out
	return command, out
}

// outcome is what the tests look at in the record of a job that a script ran.
type outcome struct {
	record
	Message string
	Error   struct {
		Code     string
		ExitCode int `json:"exit_code"`
	}
}

func TestAReportSaysAllThatItIsGiven(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	command, out := script(t, s.url, "report.sh", "job", "fail", "message=50% & more", "error_code=OOM", "exit_code=137")
	require.NoError(t, command.Run())
	require.Regexp(t, `^statusd: job  fail  attempt 7  .*\n$`, out.String())
	var got outcome
	s.do(http.StatusOK, "GET", "/status/job", "").into(t, &got)
	require.EqualValues(t, 7, got.Attempt)
	require.Equal(t, "50% & more", got.Message)
	require.Equal(t, "OOM", got.Error.Code)
	require.Equal(t, 137, got.Error.ExitCode)
}

func TestAScriptReportsByTheTokenThatItIsGiven(t *testing.T) {
	t.Parallel()
	keys := signing(t)
	s := start(t, environment(t, "SIGNING_KEYS="+keys))
	command, out := script(t, s.url, "report.sh", "job", "started")
	require.NoError(t, command.Run())
	require.Contains(t, out.String(), "unauthenticated: ")
	s.token = issued(t, keys, "--job", "job", "--scope", "write")
	command, out = script(t, s.url, "worker.sh", "job", "true")
	command.Env = append(command.Env, "STATUS_TOKEN="+s.token)
	require.NoError(t, command.Run())
	require.Contains(t, out.String(), "job  success")
	require.NotContains(t, out.String(), s.token)
}

func TestAReportThatCantBeMadeHarmsNobody(t *testing.T) {
	t.Parallel()
	command, out := script(t, "http://"+unused(t), "report.sh", "job", "in-progress")
	began := time.Now()
	require.NoError(t, command.Run())
	require.Less(t, time.Since(began), 10*time.Second)
	require.Regexp(t, `^statusd: in-progress was not reported: .*\n$`, out.String())
}

func TestAReportOfTheEndIsRepeated(t *testing.T) {
	t.Parallel()
	answers := make(chan int, 2)
	answers <- http.StatusServiceUnavailable
	answers <- http.StatusOK
	flaky := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(<-answers) }))
	t.Cleanup(flaky.Close)
	command, _ := script(t, flaky.URL, "report.sh", "job", "success")
	require.NoError(t, command.Run())
	require.Empty(t, answers)
}

func TestAWorkerReportsItsStartAndItsEnd(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	command, out := script(t, s.url, "worker.sh", "job", "sh", "-c", "exit 3") // while the rest still starts
	var failed *exec.ExitError
	require.ErrorAs(t, command.Run(), &failed)
	require.Equal(t, 3, failed.ExitCode())
	var got outcome
	s.do(http.StatusOK, "GET", "/status/job", "").into(t, &got)
	require.Equal(t, "fail", got.Status, out)
	require.Equal(t, 3, got.Error.ExitCode)
	require.EqualValues(t, 7, got.Attempt)
}

func TestAWorkerShowsThatItIsAliveAndHandsOnTheSignalToStop(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	command, _ := script(t, s.url, "worker.sh", "job", "sleep", "60")
	command.Env = append(command.Env, "STATUS_EVERY=1")
	require.NoError(t, command.Start())
	require.Eventually(t, func() bool {
		got, err := s.ask("GET", "/status/job", "")
		return err == nil && strings.Contains(string(got.body), `"status":"in-progress"`)
	}, 20*time.Second, 20*time.Millisecond)
	require.NoError(t, command.Process.Signal(terminate))
	var failed *exec.ExitError
	require.ErrorAs(t, command.Wait(), &failed)
	require.Equal(t, 143, failed.ExitCode())
	var got outcome
	s.do(http.StatusOK, "GET", "/status/job", "").into(t, &got)
	require.Equal(t, "fail", got.Status)
	require.Equal(t, 143, got.Error.ExitCode)
}

func TestATrainingRunsToItsEndWithoutStatusd(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	command, out := script(t, other.URL, "worker.sh", "job", "echo", "trained")
	require.NoError(t, command.Run())
	require.Contains(t, out.String(), "trained\n")
}
