package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// script prepares one of the script for workers, for the service at this URL.
func script(t *testing.T, url, name string, args ...string) (command *exec.Cmd, out *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	command, out = exec.CommandContext(ctx, "../../deploy/"+name, args...), new(bytes.Buffer)
	command.WaitDelay = 5 * time.Second // for what it leaves behind
	command.Env = append(os.Environ(), "STATUSD_SERVER="+url, "STATUSD_ATTEMPT=7")
	command.Stdout, command.Stderr = out, out
	return command, out
}

// outcome is what the tests look at in the record of a job that the script reported.
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
	command, out = script(t, s.url, "report.sh", "job", "success")
	command.Env = append(command.Env, "STATUSD_TOKEN="+s.token)
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
