package dynamotest

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// program writes a shell script that stands for a server.
func program(t *testing.T, script string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "server")
	// A process that another test forks meanwhile would hold the file open, and
	// what is being written can't be run.
	syscall.ForkLock.RLock()
	err := os.WriteFile(file, []byte("#!/bin/sh\n"+script), 0o700)
	syscall.ForkLock.RUnlock()
	require.NoError(t, err)
	return file
}

// held returns a named pipe, and channels that are closed once a process has
// opened it, and once none has it open any longer.
func held(t *testing.T) (file string, opened, released chan struct{}) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(file, 0o600))
	opened, released = make(chan struct{}), make(chan struct{})
	go func() {
		pipe, err := os.Open(file) // waits for the other end
		if err != nil {
			return
		}
		close(opened)
		_, _ = io.Copy(io.Discard, pipe)
		_ = pipe.Close()
		close(released)
	}()
	return file, opened, released
}

func TestTheSharedServerAnswers(t *testing.T) {
	t.Parallel()
	s := Start(t)
	require.Same(t, s, Start(t))
	if s.Endpoint == "" {
		return // AWS
	}
	answer, err := http.Get(s.Endpoint)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
}

func TestAServerIsToldItsAddressAndItsFile(t *testing.T) {
	t.Parallel()
	told := filepath.Join(t.TempDir(), "told")
	s, err := run(t.Context(), program(t, "echo $* >"+told+"; echo listening >&2; exec sleep 60"), "data.db")
	require.NoError(t, err)
	defer s.Close()
	args, err := os.ReadFile(told)
	require.NoError(t, err)
	host, port, err := net.SplitHostPort(strings.TrimPrefix(s.Endpoint, "http://"))
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", host)
	require.Equal(t, "--host 127.0.0.1 --port "+port+" --db-path data.db\n", string(args))
}

func TestAServerThatCantStartSaysWhy(t *testing.T) {
	t.Parallel()
	_, err := run(t.Context(), program(t, "echo the port is taken >&2; exit 3"), "")
	require.ErrorContains(t, err, "the port is taken")
	require.ErrorContains(t, err, "exit status 3")
	_, err = run(t.Context(), filepath.Join(t.TempDir(), "nothing"), "")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAServerThatNeverListensIsGivenUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := run(ctx, program(t, "exec sleep 60"), "")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestCloseEndsTheServerAndMayBeCalledTwice(t *testing.T) {
	t.Parallel()
	file, _, released := held(t)
	s, err := run(t.Context(), program(t, "exec 9>"+file+"; echo listening >&2; exec sleep 60"), "")
	require.NoError(t, err)
	s.Close()
	s.Close()
	<-released
}

func TestATableNameIsValidAndNobodyElses(t *testing.T) {
	t.Parallel()
	t.Run("with ünusual characters, and "+strings.Repeat("long ", 60), func(t *testing.T) {
		t.Parallel()
		name := TableName(t)
		require.Regexp(t, `^[a-zA-Z0-9_.-]{3,255}$`, name)
		require.NotEqual(t, name, TableName(t))
	})
}

// TestAServerThatIsNotThereIsSaidHowToGet can't be run beside others: it
// changes the environment and the working directory.
func TestAServerThatIsNotThereIsSaidHowToGet(t *testing.T) {
	t.Setenv(binaryVariable, "")
	module := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(module, "go.mod"), nil, 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(module, "a", "package"), 0o700))
	t.Chdir(filepath.Join(module, "a", "package"))
	_, err := Run(t.Context(), "")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "make tools")
	require.ErrorContains(t, err, endpointVariable)

	t.Setenv(binaryVariable, "a server")
	file, err := binary()
	require.NoError(t, err)
	require.Equal(t, "a server", file)

	t.Chdir(t.TempDir())
	t.Setenv(binaryVariable, "")
	_, err = binary()
	require.ErrorContains(t, err, "not within a Go module")
}
