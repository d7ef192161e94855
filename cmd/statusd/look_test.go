package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// asks is how a person's commands find the service.
func (s *service) asks() []string { return []string{"STATUSD_SERVER=" + s.url} }

// watched is a watch at work.
type watched struct {
	t         testing.TB
	out, said *output
	interrupt func()
	ended     chan struct{}
	code      int // once it has ended
}

func watching(t testing.TB, environ []string, words ...string) *watched {
	ctx, interrupt := context.WithCancel(context.Background())
	w := &watched{t: t, out: &output{}, said: &output{}, interrupt: interrupt, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		w.code = run(ctx, append([]string{"watch"}, words...), environ, w.out, w.said)
	}()
	t.Cleanup(func() {
		interrupt()
		<-w.ended
	})
	return w
}

// until waits for something to be written.
func until(t testing.TB, o *output, pattern string) {
	t.Helper()
	p := regexp.MustCompile(pattern)
	require.Eventually(t, func() bool { return p.MatchString(o.String()) }, 30*time.Second, 5*time.Millisecond, "%s\n%s", pattern, o)
}

func (w *watched) exit() int {
	w.t.Helper()
	select {
	case <-w.ended:
	case <-time.After(30 * time.Second):
		require.FailNow(w.t, "it does not end", "%s%s", w.out, w.said)
	}
	return w.code
}

func TestGetTellsOfAJob(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	s.do(http.StatusCreated, http.MethodPost, "/status/bert-17", `{"status":"started","owner":"vision"}`)
	s.do(http.StatusOK, http.MethodPost, "/status/bert-17", `{"status":"in-progress","progress":{"current":3,"total":10,"unit":"epochs"},
		"message":"loss 0.31","metadata":{"commit":"4f2c9e1","log":"https://logs/1"}}`)
	s.do(http.StatusOK, http.MethodPost, "/status/bert-17/cancel", `{"reason":"it diverges"}`)
	code, out, said := invoke(t, s.asks(), "get", "bert-17")
	require.Zero(t, code, said)
	require.Empty(t, said)
	require.Regexp(t, `^job       bert-17
status    in-progress
attempt   1
liveness  live
progress  \[######--------------\] 30% \(3/10 epochs\)
message   loss 0.31
cancel    asked to stop \d+s ago: it diverges
owner     vision
metadata  commit = 4f2c9e1
          log = https://logs/1
started   \d+s ago, \d{4}-.*
reported  \d+s ago, \d{4}-.*
history   \d{4}-.*  started
          \d{4}-.*  in-progress  loss 0.31
$`, out)

	s.do(http.StatusOK, http.MethodPost, "/status/bert-17",
		`{"status":"fail","error":{"code":"OOM","exit_code":137,"message":"Traceback:\n\ta.py\r\n\nRuntimeError: out of memory\n"}}`)
	code, out, said = invoke(t, s.asks(), "get", "bert-17")
	require.Zero(t, code, said)
	require.Contains(t, out, `
error     OOM (exit code 137)
          Traceback:
              a.py
          RuntimeError: out of memory
owner `)
	require.Regexp(t, `(?m)^ended     \d+s ago, .*  took \d+s$`, out)
	require.Regexp(t, `(?m)^          \d{4}-.*  fail  OOM \(exit code 137\): ... RuntimeError: out of memory$`, out)
	require.NotContains(t, out, "reported")

	for attempt := 2; attempt < 9; attempt++ {
		s.do(http.StatusOK, http.MethodPost, "/status/bert-17", fmt.Sprintf(`{"status":"started","attempt":%d}`, attempt))
	}
	_, out, _ = invoke(t, s.asks(), "get", "bert-17")
	require.Regexp(t, `(?m)^history   \(4 earlier\)\n.*started  attempt 3$`, out)
}

func TestGetPrintsTheRecordAsItIs(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	s.do(http.StatusCreated, http.MethodPost, "/status/a", `{"status":"success","message":"\u001b[2J"}`)
	code, out, said := invoke(t, s.asks(), "get", "--json", "a")
	require.Zero(t, code, said)
	require.Equal(t, string(s.do(http.StatusOK, http.MethodGet, "/status/a", "").body), out)
}

func TestSilenceIsToldForWhatItIs(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t, "LATE_AFTER=1s", "STALE_AFTER=4s"))
	s.do(http.StatusCreated, http.MethodPost, "/status/a", `{"status":"started"}`)
	w := watching(t, s.asks(), "a")
	until(t, w.out, `a  started  late: silent for \d+s\n`)
	until(t, w.out, `a  started  stale: silent for \d+s\n`)
	_, out, _ := invoke(t, s.asks(), "get", "a")
	require.Regexp(t, `(?m)^liveness  stale: silent for \d+s$`, out)
	_, out, _ = invoke(t, s.asks(), "list", "--liveness", "stale")
	require.Regexp(t, `(?m)^a +started +stale: silent for \d+s`, out)
}

func TestListIsATableOfJobs(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	s.do(http.StatusCreated, http.MethodPost, "/status/a", `{"status":"success","owner":"vision"}`)
	s.do(http.StatusCreated, http.MethodPost, "/status/b", `{"status":"fail","owner":"nlp","error":{"code":"OOM"},"message":"loss 3"}`)
	s.do(http.StatusCreated, http.MethodPost, "/status/c", `{"status":"in-progress","attempt":2,"progress":"3/10"}`)
	code, out, said := invoke(t, s.asks(), "list")
	require.Zero(t, code, said)
	require.Empty(t, said)
	require.Regexp(t, `^JOB +STATUS +PROGRESS +LAST SEEN +OWNER +MESSAGE
c +in-progress, attempt 2 +30% \(3/10\) +reported \d+s ago +
b +fail +ended \d+s ago +nlp +OOM  loss 3
a +success +100% +ended \d+s ago +vision +
$`, strings.ReplaceAll(out, "success  ", "success  100%"))

	jobs := func(words ...string) (ids string) {
		code, out, said := invoke(t, s.asks(), append([]string{"list"}, words...)...)
		require.Zero(t, code, said)
		for row := range strings.Lines(out) {
			if id := strings.Fields(row)[0]; id != "JOB" {
				ids += id
			}
		}
		return ids
	}
	require.Equal(t, "ba", jobs("--status", "fail", "--status", "success"))
	require.Equal(t, "a", jobs("--owner", "vision"))
	require.Equal(t, "c", jobs("--liveness", "live"))
	require.Equal(t, "cb", jobs("--limit", "2"))
	require.Equal(t, "cba", jobs("--limit", "3"))
	_, _, said = invoke(t, s.asks(), "list", "--limit", "2")
	require.Equal(t, "statusd: there are more than these 2; --limit says how many to show\n", said)
	_, _, said = invoke(t, s.asks(), "list", "--limit", "3")
	require.Empty(t, said)

	code, out, said = invoke(t, s.asks(), "list", "--owner", "nobody")
	require.Zero(t, code)
	require.Empty(t, out)
	require.Equal(t, "statusd: there are no such jobs\n", said)

	_, out, _ = invoke(t, s.asks(), "list", "--json", "--limit", "2")
	rows := strings.SplitAfter(out, "\n")
	require.Len(t, rows, 3)
	require.Equal(t, int64(2), answer{body: []byte(rows[0])}.record(t).Attempt)
	require.Equal(t, "fail", answer{body: []byte(rows[1])}.record(t).Status)
}

func TestListGoesThroughThePages(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	for i := range 60 {
		s.do(http.StatusCreated, http.MethodPost, fmt.Sprintf("/status/job-%d", i), `{"status":"started"}`)
	}
	_, out, said := invoke(t, s.asks(), "list")
	require.Equal(t, 50, strings.Count(out, "job-"))
	require.Contains(t, said, "more than these 50")
	_, out, said = invoke(t, s.asks(), "list", "--limit", "100")
	require.Equal(t, 60, strings.Count(out, "job-"))
	require.Empty(t, said)
}

func TestCancelAsksAJobToStop(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	s.do(http.StatusCreated, http.MethodPost, "/status/a", `{"status":"started","attempt":2}`)
	code, out, said := invoke(t, s.asks(), "cancel", "a", "--reason", "it diverges", "--attempt", "2")
	require.Zero(t, code, said)
	require.Equal(t, "a, attempt 2, is asked to stop. It is over when its worker says so: statusd watch a\n", out)
	require.Contains(t, string(s.do(http.StatusOK, http.MethodGet, "/status/a", "").body), `"cancel_reason":"it diverges"`)

	code, out, said = invoke(t, s.asks(), "cancel", "a", "--attempt", "1")
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, said, "statusd: superseded: ")
	s.do(http.StatusOK, http.MethodPost, "/status/a", `{"status":"success"}`)
	code, _, said = invoke(t, s.asks(), "cancel", "a")
	require.Equal(t, exitFailed, code)
	require.Contains(t, said, "statusd: terminal: The job is over.")
}

func TestWatchTellsEachChangeAndExitsByTheOutcome(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	w := watching(t, s.asks(), "a")
	until(t, w.said, "^statusd: a: waiting for the first report\n$")
	s.do(http.StatusCreated, http.MethodPost, "/status/a", `{"status":"started"}`)
	until(t, w.out, `a  started  reported \d+s ago\n$`)
	s.do(http.StatusOK, http.MethodPost, "/status/a", `{"status":"started"}`)
	s.do(http.StatusOK, http.MethodPost, "/status/a", `{"status":"in-progress","progress":"1/4"}`)
	until(t, w.out, `a  in-progress  25% \(1/4\)  reported \d+s ago\n$`)
	s.do(http.StatusOK, http.MethodPost, "/status/a", `{"status":"in-progress","progress":"2/4","message":"loss 0.31"}`)
	until(t, w.out, `a  in-progress  50% \(2/4\)  .*loss 0.31\n$`)
	s.do(http.StatusOK, http.MethodPost, "/status/a/cancel", `{}`)
	until(t, w.out, `asked to stop \d+s ago  loss 0.31\n$`)
	s.do(http.StatusOK, http.MethodPost, "/status/a", `{"status":"fail","error":{"code":"cancelled"}}`)
	require.Equal(t, exitFailed, w.exit())
	require.Regexp(t, `a  fail  50% \(2/4\)  ended \d+s ago  took \d+s  .*  cancelled  loss 0.31\n$`, w.out.String())
	require.Equal(t, 5, strings.Count(w.out.String(), "\n"), "a sign of life is no change\n%s", w.out)

	w = watching(t, s.asks(), "--json", "b")
	s.do(http.StatusCreated, http.MethodPost, "/status/b", `{"status":"started","attempt":2}`)
	until(t, w.out, "\n")
	s.do(http.StatusOK, http.MethodPost, "/status/b", `{"status":"success"}`)
	require.Equal(t, exitOK, w.exit())
	rows := strings.SplitAfter(w.out.String(), "\n")
	require.Len(t, rows, 3)
	require.Equal(t, "started", answer{body: []byte(rows[0])}.record(t).Status)
	require.Equal(t, string(s.do(http.StatusOK, http.MethodGet, "/status/b", "").body), rows[1])
}

func TestWatchSaysWhyTheOutcomeIsNotKnown(t *testing.T) {
	t.Parallel()
	_, tokens := newToken(t, "--name", "root", "--scope", "admin")
	closed := start(t, environment(t, "TOKENS="+written(t, "tokens", tokens)))
	w := watching(t, append(closed.asks(), "STATUSD_TOKEN=secret"), "a")
	require.Equal(t, exitUnknown, w.exit())
	require.Regexp(t, `^statusd: invalid_token: .*\n$`, w.said.String())
	require.NotContains(t, w.said.String(), "secret")

	s := start(t, environment(t))
	s.do(http.StatusCreated, http.MethodPost, "/status/a", `{"status":"started"}`)
	w = watching(t, s.asks(), "a", "--timeout", "50ms")
	require.Equal(t, exitUnknown, w.exit())
	require.Equal(t, "statusd: a is not over after 50ms\n", w.said.String())

	w = watching(t, s.asks(), "a")
	until(t, w.out, "started")
	w.interrupt()
	require.Equal(t, exitInterrupted, w.exit())
	require.Empty(t, w.said.String())

	w = watching(t, s.asks(), "a")
	until(t, w.out, "started")
	s.do(http.StatusNoContent, http.MethodDelete, "/status/a", "")
	require.Equal(t, exitUnknown, w.exit())
	require.Equal(t, "statusd: a was deleted\n", w.said.String())
}

func TestWatchOutlivesTheService(t *testing.T) {
	t.Parallel()
	environ := environment(t)
	s := newService(t)
	stop := s.serve(environ)
	s.awaitStart()
	s.do(http.StatusCreated, http.MethodPost, "/status/a", `{"status":"started"}`)
	w := watching(t, s.asks(), "a")
	until(t, w.out, "started")
	stop()
	s.exit()
	until(t, w.said, "^statusd: a: out of touch for \\d+s: "+s.url+": .*refused\n$")
	again := start(t, append(environ, "STATUSD_ADDR="+strings.TrimPrefix(s.url, "http://")))
	until(t, w.said, "\nstatusd: a: the service answers again\n$")
	again.do(http.StatusOK, http.MethodPost, "/status/a", `{"status":"success"}`)
	require.Equal(t, exitOK, w.exit())
}

func TestAPersonsCommandsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	for words, want := range map[string]struct {
		code int
		said string
	}{
		"get":                            {exitUsage, "statusd get: ID is missing"},
		"get a b":                        {exitUsage, `statusd get: there is nothing to do with "b"`},
		"get a --limit 3":                {exitUsage, "-limit"},
		"get a --timeout 0s":             {exitUsage, "statusd get: the timeout must be above 0"},
		"get a --server localhost":       {exitUsage, "statusd get: server localhost is no URL like http"},
		"get a":                          {exitFailed, "statusd: there is no such job at " + s.url},
		"get a/b":                        {exitFailed, "statusd: invalid_field: "},
		"cancel":                         {exitUsage, "ID is missing"},
		"cancel a":                       {exitFailed, "statusd: there is no such job at " + s.url},
		"cancel a --attempt first":       {exitUsage, "first"},
		"cancel a --attempt -1":          {exitFailed, "attempt must be"},
		"list a":                         {exitUsage, "nothing to do"},
		"list --limit 0":                 {exitUsage, "the limit must be above 0"},
		"list --status done":             {exitFailed, "status must be one of started, in-progress, success, fail"},
		"list --liveness dead":           {exitFailed, "liveness must be one of"},
		"watch":                          {exitUsage, "ID is missing"},
		"watch a --timeout -1s":          {exitUsage, "must not be below 0"},
		"watch a --server ftp://x":       {exitUsage, "is no URL like"},
		"watch a --timeout long":         {exitUsage, "long"},
		"watch a/b":                      {exitUnknown, "statusd: invalid_field: "},
		"watch a --timeout 50ms":         {exitUnknown, "statusd: a is not over after 50ms"},
		"get a --server " + s.url + "/x": {exitFailed, "no_such_route"},
	} {
		code, out, said := invoke(t, s.asks(), strings.Fields(words)...)
		require.Equal(t, want.code, code, words)
		require.Contains(t, said, want.said, words)
		require.Empty(t, out, words)
		require.Equal(t, 1, strings.Count(said, "\n"), said)
	}
	for _, name := range []string{"get", "watch", "list", "cancel"} {
		code, out, said := invoke(t, nil, name, "-h")
		require.Zero(t, code, said)
		require.Contains(t, out, "-server", name)
	}
}

func TestAServiceThatCannotBeReachedIsNamed(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	address := gone.Listener.Addr().String()
	for _, words := range []string{"get a", "list", "cancel a", "watch a"} {
		code, out, said := invoke(t, []string{"STATUSD_TOKEN=secret"},
			append(strings.Fields(words), "--timeout", "3s", "--server", "http://me:password@"+address)...)
		want := exitFailed
		if strings.HasPrefix(words, "watch") {
			want = exitUnknown
		}
		require.Equal(t, want, code, words)
		require.Empty(t, out)
		lines := strings.Split(said, "\n")
		require.Len(t, lines, 3, said)
		require.Regexp(t, "no answer yet, trying for 3s: .*refused|out of touch for \\d+s", lines[0])
		require.Regexp(t, "^statusd: http://me:xxxxx@"+address+": .*connection refused$", lines[1])
		require.NotContains(t, said, "secret")
		require.NotContains(t, said, "password")
	}
	a := (clientCall{getenv: lookup(nil)}).asking("get")
	require.EqualError(t, a.failure(errors.New("connection refused")),
		"http://127.0.0.1:8080: connection refused (STATUSD_SERVER is not set)")

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	code, _, said := invoke(t, []string{"STATUSD_SERVER=http://" + silent.Addr().String()}, "get", "a", "--timeout", "50ms")
	require.Equal(t, exitFailed, code)
	require.Contains(t, said, ": no answer in time\n")

	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out output
	code = run(interrupted, []string{"get", "a"}, []string{"STATUSD_SERVER=http://" + silent.Addr().String()}, &out, &out)
	require.Equal(t, exitInterrupted, code)
	require.Empty(t, out.String())
}

func TestNothingThatAJobSaysReachesTheTerminal(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	nasty := strconv.Quote("x\x1b[2J\x1b]0;title\a\r\n\t\u009b31m\u202egnp\u2028")
	nasty = strings.NewReplacer(`\x1b`, `\u001b`, `\a`, `\u0007`).Replace(nasty)
	s.do(http.StatusCreated, http.MethodPost, "/status/a", fmt.Sprintf(`{"status":"in-progress","message":%[1]s,"owner":%[1]s,
		"metadata":{%[1]s:%[1]s},"progress":{"current":1,"unit":%[1]s}}`, strings.ReplaceAll(nasty, "title", "")))
	s.do(http.StatusOK, http.MethodPost, "/status/a/cancel", fmt.Sprintf(`{"reason":%s}`, nasty))
	w := watching(t, s.asks(), "a")
	until(t, w.out, "\n")
	s.do(http.StatusOK, http.MethodPost, "/status/a", fmt.Sprintf(`{"status":"fail","error":{"code":%[1]s,"message":%[1]s}}`, nasty))
	require.Equal(t, exitFailed, w.exit())
	for _, words := range []string{"get a", "list"} {
		code, out, said := invoke(t, s.asks(), strings.Fields(words)...)
		require.Zero(t, code, said)
		_, err := w.out.Write([]byte(out))
		require.NoError(t, err)
	}
	require.Contains(t, w.out.String(), `x\x1b[2J`)
	for _, r := range w.out.String() {
		require.True(t, r == '\n' || strconv.IsPrint(r), "%q in %s", r, w.out)
	}

	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, `{"code":"x\u001b[2J","title":"y\nz"}`)
	}))
	defer evil.Close()
	_, _, said := invoke(t, []string{"STATUSD_SERVER=" + evil.URL}, "get", "a")
	require.Equal(t, `statusd: x\x1b[2J: y\nz`+"\n", said)
}

// onTerminal runs the program on a terminal of that many columns.
func onTerminal(t testing.TB, columns uint16, environ []string, words ...string) (screen *output, terminal *os.File, command *exec.Cmd) {
	t.Helper()
	command = exec.Command(binary, words...)
	command.Env = append([]string{"TERM=xterm"}, environ...)
	terminal, err := pty.StartWithSize(command, &pty.Winsize{Rows: 24, Cols: columns})
	require.NoError(t, err)
	screen = &output{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = terminal.WriteTo(screen) // until the program has ended
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill() // it has ended, mostly
		_ = command.Wait()
		<-read
		terminal.Close()
	})
	return screen, terminal, command
}

func TestWatchKeepsALineOfATerminalUpToDate(t *testing.T) {
	t.Parallel()
	environ := environment(t)
	s := newService(t)
	stop := s.serve(environ)
	s.awaitStart()
	screen, terminal, command := onTerminal(t, 70, s.asks(), "watch", "a")
	until(t, screen, `\ra  waiting for the first report\x1b\[K`)
	s.do(http.StatusCreated, http.MethodPost, "/status/a", `{"status":"started"}`)
	until(t, screen, `\r\x1b\[K\d{4}\S+ \S+ \S+  a  started  reported \d+s ago\r\n\ra  started  reported \d+s ago\x1b\[K`)
	s.do(http.StatusOK, http.MethodPost, "/status/a", `{"status":"in-progress","progress":"3/10","message":"日本語のメッセージ日本語のメッセージ日本語"}`)
	until(t, screen, `\ra  in-progress  \[###-------\] 30% \(3/10\)  reported \d+s ago  \S*\.\.\.\x1b\[K`)
	until(t, screen, `\ra  in-progress  \[###-------\] 30% \(3/10\)  reported [2-9]s ago`)
	narrow := screen.String()
	require.NoError(t, pty.Setsize(terminal, &pty.Winsize{Rows: 24, Cols: 140}))
	until(t, screen, `\ra  started > in-progress  \[######--------------\] 30% \(3/10\)  reported \d+s ago  \S*日本語\x1b\[K`)
	stop()
	s.exit()
	until(t, screen, `out of touch for \d+s: `+s.url)
	again := start(t, append(environ, "STATUSD_ADDR="+strings.TrimPrefix(s.url, "http://")))
	until(t, screen, `out of touch [^\r]*\x1b\[K\ra  started > in-progress  \S* 30% \(3/10\)  reported \d+s ago`)
	again.do(http.StatusOK, http.MethodPost, "/status/a", `{"status":"success"}`)
	until(t, screen, `\r\x1b\[K\d{4}\S+ \S+ \S+  a  success  100% \(3/10\)  ended \d+s ago  took \d+s  \S*\r\n$`)
	require.NoError(t, command.Wait())

	for _, drawn := range regexp.MustCompile(`\r([^\r\n]*)\x1b\[K`).FindAllStringSubmatch(narrow, -1) {
		columns := 0
		for _, r := range drawn[1] {
			columns += columnsFor(r)
		}
		require.Less(t, columns, 70, drawn[1])
	}
}

func TestWatchOnATerminalCanBeInterrupted(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	s.do(http.StatusCreated, http.MethodPost, "/status/a", `{"status":"started"}`)
	screen, terminal, command := onTerminal(t, 80, s.asks(), "watch", "a")
	until(t, screen, `\ra  started  reported`)
	_, err := terminal.Write([]byte{3}) // Ctrl-C
	require.NoError(t, err)
	var exit *exec.ExitError
	require.ErrorAs(t, command.Wait(), &exit)
	require.Equal(t, exitInterrupted, exit.ExitCode())
	until(t, screen, `\r\n$`)
}

func TestOnATerminalAListIsCutToItsWidth(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	s.do(http.StatusCreated, http.MethodPost, "/status/a", `{"status":"success","message":"`+strings.Repeat("long ", 40)+`"}`)
	screen, _, command := onTerminal(t, 70, s.asks(), "list")
	require.NoError(t, command.Wait())
	until(t, screen, `long l?o?n?g?\.\.\.\r\n$`)
	for text := range strings.SplitSeq(screen.String(), "\r\n") {
		require.LessOrEqual(t, len(text), 70)
	}
	screen, _, command = onTerminal(t, 70, append(s.asks(), "TERM=dumb"), "watch", "a")
	require.NoError(t, command.Wait())
	until(t, screen, `long\s*\r\n$`)
	require.NotContains(t, screen.String(), "\x1b")
}

func TestTextIsCutByColumns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{
		{"abcdef", 6, "abcdef"}, {"abcdef", 5, "ab..."}, {"abcdef", 2, ".."}, {"abcdef", 0, ""}, {"", 0, ""},
		{"日本語", 6, "日本語"}, {"日本語", 5, "日..."}, {"日本語", 4, "..."}, {"e\u0301e\u0301", 2, "e\u0301e\u0301"}, {"🍕🍕🍕", 5, "🍕..."},
	} {
		require.Equal(t, c.want, cut(c.text, c.columns), c)
	}
}
