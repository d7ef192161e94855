package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAHealthcheckTellsWhetherTheServiceIsUp(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	there := environment(t, "ADDR="+strings.TrimPrefix(s.url, "http://"))
	code, stdout, _ := invoke(t, there, "healthcheck")
	require.Equal(t, exitOK, code)
	require.Equal(t, "ok\n", stdout)

	code, _, stderr := invoke(t, environment(t, "ADDR="+unused(t)), "healthcheck")
	require.Equal(t, exitFailed, code)
	require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
}

func TestAHealthcheckFailsWhereSomethingElseAnswers(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	code, _, stderr := invoke(t, environment(t, "ADDR="+other.Listener.Addr().String()), "healthcheck")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "/healthz answered 404 Not Found")
}

func TestAWildcardIsReachedByTheLoopback(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		":80": "127.0.0.1:80", "0.0.0.0:80": "127.0.0.1:80", "[::]:80": "127.0.0.1:80",
		"[::1]:80": "[::1]:80", "10.0.0.7:80": "10.0.0.7:80", "localhost:80": "localhost:80",
	} {
		require.Equal(t, want, reachable(addr))
	}
}

// unused returns an address on which nobody listens. All of 127.0.0.0/8 is
// this machine; nothing else is on this part of it, as it would be in the
// range of ports that are given out on 127.0.0.1.
func unused(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.8.15.47:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
