package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// written is a file of the test's own.
func written(t testing.TB, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// newToken makes a token as an administrator does.
func newToken(t testing.TB, args ...string) (token, line string) {
	t.Helper()
	code, line, said := invoke(t, nil, append([]string{"token", "new"}, args...)...)
	require.Zero(t, code, said)
	token = regexp.MustCompile(`statusd_\S{43}`).FindString(said)
	require.NotEmpty(t, token, said)
	return token, line
}

// signing is a file of keys.
func signing(t testing.TB) (path string) {
	t.Helper()
	code, key, said := invoke(t, nil, "token", "key")
	require.Zero(t, code, said)
	return written(t, "keys", key)
}

// issued is what statusd token issue prints.
func issued(t testing.TB, keys string, args ...string) string {
	t.Helper()
	code, token, said := invoke(t, []string{"STATUSD_SIGNING_KEYS=" + keys}, append([]string{"token", "issue"}, args...)...)
	require.Zero(t, code, said)
	return strings.TrimSuffix(token, "\n")
}

func TestTokensAreMadeAndSignedAndAccepted(t *testing.T) {
	t.Parallel()
	root, line := newToken(t, "--name", "root", "--scope", "admin")
	keys := signing(t)
	s := start(t, environment(t, "TOKENS="+written(t, "tokens", line), "SIGNING_KEYS="+keys))
	s.do(http.StatusUnauthorized, http.MethodGet, "/status", "")
	s.token = issued(t, keys, "--job", "bert-17", "--scope", "write")
	s.do(http.StatusCreated, http.MethodPost, "/status/bert-17", `{"status":"started"}`)
	s.do(http.StatusForbidden, http.MethodPost, "/status/bert-18", `{"status":"started"}`)
	s.token = root
	s.do(http.StatusOK, http.MethodGet, "/status", "")

	link := issued(t, keys, "--job", "bert-17", "--share", "--url", "https://status.example.com/", "--expires", "1h")
	page, token, ok := strings.Cut(link, "#token=")
	require.True(t, ok)
	require.Equal(t, "https://status.example.com/jobs/bert-17", page)
	s.token = token
	s.do(http.StatusOK, http.MethodGet, "/status/bert-17", "")
	s.do(http.StatusForbidden, http.MethodPost, "/status/bert-17", `{"status":"success"}`)

	var session struct {
		Expires time.Time `json:"expires_at"`
	}
	s.do(http.StatusOK, http.MethodGet, "/session", "").into(t, &session)
	require.WithinDuration(t, time.Now().Add(time.Hour), session.Expires, time.Minute)
	s.token = issued(t, keys, "--owner", "alice", "--scope", "read")
	s.do(http.StatusOK, http.MethodGet, "/session", "").into(t, &session)
	require.WithinDuration(t, time.Now().Add(30*24*time.Hour), session.Expires, time.Minute, "unless told otherwise")
}

func TestTokenCommandsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	keys := signing(t)
	for words, want := range map[string]struct {
		code int
		said string
	}{
		"token new":                               {exitUsage, "the name must be"},
		"token new --name a":                      {exitUsage, `the scope is ""`},
		"token new --name a --scope root":         {exitUsage, `the scope is "root"`},
		"token new --name a --scope read x":       {exitUsage, `there is nothing to do with "x"`},
		"token new --nme a":                       {exitUsage, "-nme"},
		"token issue --job a":                     {exitUsage, `the scope is ""`},
		"token issue --scope write":               {exitFailed, "must be for one job"},
		"token issue --job a/b --scope write":     {exitFailed, "request_id"},
		"token issue --owner a --share":           {exitFailed, "shares one job"},
		"token issue --job a --expires soon":      {exitUsage, "soon"},
		"token issue --job a --share --expires 0": {exitFailed, "come to an end"},
		"token key x":                             {exitUsage, "no such command"},
		"token":                                   {exitUsage, "no such command"},
	} {
		code, out, said := invoke(t, []string{"STATUSD_SIGNING_KEYS=" + keys}, strings.Fields(words)...)
		require.Equal(t, want.code, code, words)
		require.Contains(t, said, want.said, words)
		require.Empty(t, out, words)
	}
	code, _, said := invoke(t, nil, "token", "issue", "--job", "a", "--scope", "read")
	require.Equal(t, exitFailed, code)
	require.Contains(t, said, "STATUSD_SIGNING_KEYS is not set")
	code, out, said := invoke(t, nil, "token", "issue", "-h")
	require.Equal(t, exitOK, code, said)
	require.Contains(t, out, "-share")
}

func TestTokensAreChangedWhileTheServiceRuns(t *testing.T) {
	t.Parallel()
	old, first := newToken(t, "--name", "ci", "--scope", "read")
	next, second := newToken(t, "--name", "ci", "--scope", "read")
	file := written(t, "tokens", first)
	s := start(t, environment(t, "TOKENS="+file))
	s.token = old
	s.do(http.StatusNotFound, http.MethodGet, "/status/a", "")
	stream, err := http.NewRequest(http.MethodGet, s.url+"/status/a/events", nil)
	require.NoError(t, err)
	stream.Header.Set("Authorization", "Bearer "+old)
	open, err := s.client.Do(stream)
	require.NoError(t, err)
	defer open.Body.Close()

	become := func(token string, status int) {
		require.Eventually(t, func() bool {
			s.token = token
			a, err := s.ask(http.MethodGet, "/status/a", "")
			return err == nil && a.status == status
		}, 10*time.Second, 10*time.Millisecond)
	}
	require.NoError(t, os.WriteFile(file, []byte("nonsense\n"), 0o600))
	s.await("a file can't be used; what it was before holds")
	become(old, http.StatusNotFound)
	require.NoError(t, os.WriteFile(file, []byte(first+second), 0o600))
	become(next, http.StatusNotFound)
	become(old, http.StatusNotFound)
	require.NoError(t, os.Remove(file))
	time.Sleep(5 * lookEvery)
	become(old, http.StatusNotFound)
	require.NoError(t, os.WriteFile(file, []byte(second), 0o600))
	become(old, http.StatusUnauthorized)
	become(next, http.StatusNotFound)
	require.NotContains(t, s.log.String(), old)
}

func TestWithoutCredentialsOnlyThisMachineIsListenedTo(t *testing.T) {
	t.Parallel()
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "statusd.example.com:0"} {
		code, _, said := invoke(t, environment(t, "ADDR="+address), "serve")
		require.Equal(t, exitUsage, code, address)
		require.Contains(t, said, "STATUSD_ADDR is "+address+", which others can reach")
		require.Contains(t, said, "STATUSD_AUTH=none")
	}
	code, _, said := invoke(t, environment(t, "ADDR=0.0.0.0:0", "TOKENS=/nowhere"), "serve")
	require.Equal(t, exitFailed, code)
	require.Contains(t, said, "tokens: open /nowhere")
	start(t, environment(t, "ADDR=0.0.0.0:0", "AUTH=none")).do(http.StatusOK, http.MethodGet, "/status", "")
	code, _, _ = invoke(t, environment(t, "ADDR=0.0.0.0:0"), "token", "key")
	require.Zero(t, code, "what does not listen need not say who may come")
}
