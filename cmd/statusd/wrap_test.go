package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// wrapping prepares statusd run for the service at this URL.
func wrapping(t *testing.T, url string, args ...string) (command *exec.Cmd, stdout, stderr *output) {
	t.Helper()
	command = exec.CommandContext(t.Context(), binary, append([]string{"run"}, args...)...)
	command.Env = append(os.Environ(), "STATUSD_SERVER="+url, "TMPDIR="+t.TempDir())
	stdout, stderr = &output{}, &output{}
	command.Stdout, command.Stderr = stdout, stderr
	command.WaitDelay = 5 * time.Second // for what it leaves behind
	return command, stdout, stderr
}

// code is the exit code of a command that has ended.
func code(err error) int {
	if failed, ok := err.(*exec.ExitError); ok { //nolint:errorlint
		return failed.ExitCode()
	}
	return 0
}

// tracked is what the tests look at in the record of a job that was run.
type tracked struct {
	Status      string
	Attempt     int64
	Version     int64
	Terminal    bool
	Owner       string
	Message     string
	ReportEvery int64 `json:"report_every"`
	Metadata    map[string]string
	Progress    struct {
		Current, Total float64
		Unit           string
	}
	Error struct {
		Code, Message string
		ExitCode      int `json:"exit_code"`
	}
	History []struct{ Status string }
}

func (s *service) tracked(id string) (r tracked) {
	s.t.Helper()
	s.do(http.StatusOK, "GET", "/status/"+id, "").into(s.t, &r)
	return r
}

// until waits for something to become true of a job's record.
func (s *service) until(id string, what func(tracked) bool) (r tracked) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		got, err := s.ask("GET", "/status/"+id, "")
		if err != nil || got.status != http.StatusOK {
			return false
		}
		r = tracked{}
		got.into(s.t, &r)
		return what(r)
	}, 30*time.Second, 20*time.Millisecond)
	return r
}

func TestWhatIsRunIsReported(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	command, stdout, stderr := wrapping(t, s.url, "--id", "job", "--owner", "vision", "--metadata", "commit=abc", "--metadata", "seed=1",
		"--", "sh", "-c", `echo "epoch 3/10 loss=0.21"; printf 'Traceback:\n\033[31mValueError: NaN\033[0m\n' >&2; exit 3`)
	command.Env = append(command.Env, "AWS_BATCH_JOB_ID=other", "AWS_BATCH_JOB_ATTEMPT=4")
	require.Equal(t, 3, code(command.Run()))
	require.Equal(t, "epoch 3/10 loss=0.21\n", stdout.String())
	require.Equal(t, "Traceback:\n\x1b[31mValueError: NaN\x1b[0m\n", stderr.String(), "untouched, and nothing else")
	r := s.tracked("job")
	require.Equal(t, "fail", r.Status)
	require.EqualValues(t, 4, r.Attempt)
	require.Equal(t, "vision", r.Owner)
	require.Equal(t, map[string]string{"commit": "abc", "seed": "1"}, r.Metadata)
	require.InDelta(t, 3, r.Progress.Current, 0)
	require.InDelta(t, 10, r.Progress.Total, 0)
	require.Equal(t, "loss=0.21", r.Message)
	require.Equal(t, 3, r.Error.ExitCode)
	require.Equal(t, "Traceback:\nValueError: NaN", r.Error.Message)
	require.Equal(t, "started", r.History[0].Status)

	command, _, _ = wrapping(t, s.url, "--attempt", "5", "--", "true")
	command.Env = append(command.Env, "SLURM_JOB_ID=job")
	require.NoError(t, command.Run())
	r = s.tracked("job")
	require.Equal(t, "success", r.Status)
	require.EqualValues(t, 5, r.Attempt)
}

func TestACommandThatRunsKnowsNothingOfIt(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	random := make([]byte, 3<<20)
	_, _ = rand.Read(random)
	command, stdout, stderr := wrapping(t, s.url, "--id", "a", "--", "sh", "-c", "tee /dev/stderr; exec 1>&-; exec 2>&-; exit 42")
	command.Stdin = bytes.NewReader(random)
	require.Equal(t, 42, code(command.Run()))
	require.True(t, string(random) == stdout.String() && string(random) == stderr.String(), "every byte passes")

	// In the order in which it was written, where both are one.
	both := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(both)
	require.NoError(t, err)
	command, _, _ = wrapping(t, s.url, "--id", "b", "--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo $i; echo $i >&2; done")
	command.Stdout, command.Stderr = file, file
	require.NoError(t, command.Run())
	text, err := os.ReadFile(both)
	require.NoError(t, err)
	require.Equal(t, "1\n1\n2\n2\n3\n3\n4\n4\n5\n5\n6\n6\n7\n7\n8\n8\n9\n9\n", string(text))

	// Other descriptors, the environment, the folder.
	read, write, err := os.Pipe()
	require.NoError(t, err)
	command, stdout, _ = wrapping(t, "http://"+unused(t), "--id", "c", "--server", s.url, "--", "sh", "-c",
		`echo hello >&3; pwd; echo $STATUSD_REQUEST_ID $STATUSD_SERVER`)
	command.ExtraFiles, command.Dir = []*os.File{write}, "/"
	require.NoError(t, command.Run())
	require.Equal(t, "success", s.tracked("c").Status, "the server is the one that is named")
	write.Close()
	text, err = io.ReadAll(read)
	require.NoError(t, err)
	require.Equal(t, "hello\n", string(text))
	require.Equal(t, "/\nc "+s.url+"\n", stdout.String())
}

func TestASignalIsACodeOf128AndMore(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	for script, want := range map[string]int{"kill -9 $$": 137, "kill -SEGV $$": 139, "kill -TERM $$": 143, "exit 143": 143} {
		id := strings.NewReplacer(" ", "_", "$", "").Replace(script)
		command, _, _ := wrapping(t, s.url, "--id", id, "--", "sh", "-c", script)
		require.Equal(t, want, code(command.Run()), script)
		r := s.tracked(id)
		require.Equal(t, want, r.Error.ExitCode)
		require.Equal(t, strings.HasPrefix(script, "kill"), strings.HasPrefix(r.Error.Code, "SIG"), r.Error.Code)
	}
	command, _, stderr := wrapping(t, s.url, "--id", "none", "--", "./nosuch")
	require.Equal(t, 127, code(command.Run()))
	require.Contains(t, stderr.String(), "no such file")
	require.Equal(t, "not_started", s.tracked("none").Error.Code)
	command, _, _ = wrapping(t, s.url, "--id", "folder", "--", "/tmp")
	require.Equal(t, 126, code(command.Run()))
}

func TestOutputThatNobodyReadsEndsTheCommandAsItWould(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	command, _, _ := wrapping(t, s.url, "--id", "job", "--", "yes")
	command.Stdout = nil
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "y\n", line)
	require.NoError(t, out.Close())
	require.Equal(t, 128+int(syscall.SIGPIPE), code(command.Wait()))
}

func TestAnEndIsReportedThoughNobodyReadsTheOutput(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	const size = 500_000 // more than our reader's pipe holds, and less than the command's
	command, _, _ := wrapping(t, s.url, "--id", "job", "--", "head", "-c", strconv.Itoa(size), "/dev/zero")
	command.Stdout = nil
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	s.until("job", func(r tracked) bool { return r.Status == "success" })
	all, err := io.ReadAll(out)
	require.NoError(t, err)
	require.Len(t, all, size)
	require.NoError(t, command.Wait())
}

func TestWhatIsLeftInTheBackgroundHoldsNothingUp(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	command, stdout, _ := wrapping(t, s.url, "--id", "job", "--", "sh", "-c", "sleep 60 & echo $!")
	began := time.Now()
	require.NoError(t, command.Run())
	require.Less(t, time.Since(began), 20*time.Second)
	pid, err := strconv.Atoi(strings.TrimSpace(stdout.String()))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM), "it goes on")
}

func TestASignalReachesTheCommandWhichHasItsTime(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	command, stdout, _ := wrapping(t, s.url, "--id", "job", "--every", "100ms", "--", "sh", "-c",
		`trap 'echo usr' USR1; trap 'sleep 0.3; echo saved; exit 7' TERM; echo ready; while :; do sleep 0.05; done`)
	require.NoError(t, command.Start())
	ready := func(text string) {
		require.Eventually(t, func() bool { return strings.Contains(stdout.String(), text) }, 30*time.Second, 5*time.Millisecond)
	}
	ready("ready")
	require.NoError(t, command.Process.Signal(syscall.SIGUSR1))
	ready("usr")
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 7, code(command.Wait()))
	require.Equal(t, "ready\nusr\nsaved\n", stdout.String())
	require.Equal(t, 7, s.tracked("job").Error.ExitCode)
}

func TestACommandThatWillNotStopIsKilledAfterItsGrace(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	command, stdout, _ := wrapping(t, s.url, "--id", "job", "--grace", "300ms", "--", "sh", "-c", `trap '' TERM; echo ready; sleep 60; sleep 60`)
	require.NoError(t, command.Start())
	require.Eventually(t, func() bool { return stdout.String() != "" }, 30*time.Second, 5*time.Millisecond)
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 137, code(command.Wait()))
	require.Equal(t, "SIGKILL", s.tracked("job").Error.Code)
}

func TestAJobThatIsAskedToStopIsStopped(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	for id, c := range map[string]struct {
		script string
		code   int
	}{
		"gentle":   {`trap 'exit 0' TERM; sleep 60 & echo $!; wait`, 0},
		"stubborn": {`trap '' TERM; sleep 60 & echo $!; wait; sleep 60`, 137},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			command, stdout, stderr := wrapping(t, s.url, "--id", id, "--every", "50ms", "--grace", "500ms", "--", "sh", "-c", c.script)
			require.NoError(t, command.Start())
			s.until(id, func(r tracked) bool { return r.Status == "in-progress" })
			s.do(http.StatusOK, "POST", "/status/"+id+"/cancel", `{"reason":"too dear"}`)
			require.Equal(t, c.code, code(command.Wait()))
			r := s.tracked(id)
			require.Equal(t, "fail", r.Status)
			require.Equal(t, "cancelled", r.Error.Code)
			require.Equal(t, "too dear", r.Error.Message)
			require.Equal(t, c.code, r.Error.ExitCode)
			require.Contains(t, stderr.String(), "asked to stop: too dear")
			require.Eventually(t, func() bool { // with all that it started
				state, err := os.ReadFile("/proc/" + strings.TrimSpace(stdout.String()) + "/stat")
				return err != nil || strings.Contains(string(state), ") Z ")
			}, 10*time.Second, 20*time.Millisecond)
		})
	}
}

func TestAJobWhoseWrapperIsKilledIsLeftToGoStale(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	command, stdout, _ := wrapping(t, s.url, "--id", "job", "--every", "200ms", "--", "sh", "-c", `echo $$; sleep 60`)
	require.NoError(t, command.Start())
	s.until("job", func(r tracked) bool { return r.Status == "in-progress" })
	require.NoError(t, command.Process.Kill())
	_ = command.Wait()
	var got struct{ Liveness string }
	require.Eventually(t, func() bool {
		s.do(http.StatusOK, "GET", "/status/job", "").into(t, &got)
		return got.Liveness == "stale"
	}, 30*time.Second, 50*time.Millisecond)
	pid, err := strconv.Atoi(strings.TrimSpace(stdout.String()))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(-pid, syscall.SIGKILL), "the command goes on")
}

func TestProgressComesFromAFileOrByAnExpression(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	command, _, _ := wrapping(t, s.url, "--id", "file", "--every", "50ms", "--", "sh", "-c",
		`echo "step 1/2"; echo "3/10 epoch loss=0.21" >> "$STATUSD_PROGRESS"; read line; echo "step 2/2"; echo "4/10 epoch" >> "$STATUSD_PROGRESS"`)
	in, err := command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	r := s.until("file", func(r tracked) bool { return r.Progress.Unit == "epoch" })
	require.InDelta(t, 3, r.Progress.Current, 0)
	require.Equal(t, "loss=0.21", r.Message)
	require.NoError(t, in.Close())
	require.NoError(t, command.Wait())
	r = s.tracked("file")
	require.InDelta(t, 4, r.Progress.Current, 0)
	require.Equal(t, "epoch", r.Progress.Unit, "who writes to the file means it")

	command, _, _ = wrapping(t, s.url, "--id", "own", "--progress-regex", `gen (?P<current>\d+) of (?P<total>\d+)`, "--", "echo", "epoch 1/2 gen 7 of 9")
	require.NoError(t, command.Run())
	require.InDelta(t, 7, s.tracked("own").Progress.Current, 0)
}

func TestWhatIsWrongWithTheArgumentsIsToldBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{}, {"--"}, {"--id", "a"}, {"--nope", "true"}, {"--every", "x", "true"}, {"--progress-regex", "(", "true"},
		{"--progress-regex", "x", "true"}, {"--metadata", "x", "true"}, {"--grace", "-1s", "true"}, {"--attempt", "-3", "true"},
	} {
		code, stdout, stderr := invoke(t, nil, append([]string{"run"}, args...)...)
		require.Equal(t, 2, code, args)
		require.Empty(t, stdout)
		require.Regexp(t, `^statusd run: .*\n$`, stderr)
	}
	code, stdout, _ := invoke(t, nil, "run", "-h")
	require.Zero(t, code)
	require.Contains(t, stdout, "-progress-regex expression")
}

func TestWhatIsWrongWithTheRestKeepsNothingFromRunning(t *testing.T) {
	t.Parallel()
	for variable, complaint := range map[string]string{
		"STATUSD_SERVER=localhost:1":        "not tracked: server localhost:1 is no URL",
		"STATUSD_REQUEST_ID=not an id":      "request_id",
		"STATUSD_TOKEN_FILE=/nonexistent/t": "no such file",
		"STATUSD_ATTEMPT=first":             "STATUSD_ATTEMPT is no number",
		"STATUSD_ANYTHING=x":                "",
		"TMPDIR=/nonexistent":               "no file for progress",
	} {
		s := start(t, environment(t))
		command, stdout, stderr := wrapping(t, s.url, "--flush", "1s", "--", "echo", "trained")
		command.Env = append(command.Env, "STATUSD_REQUEST_ID=job", variable)
		require.NoError(t, command.Run(), variable)
		require.Equal(t, "trained\n", stdout.String())
		require.Contains(t, stderr.String(), complaint)
		require.Equal(t, complaint == "", stderr.String() == "", stderr)
	}
	command, _, stderr := wrapping(t, "http://127.0.0.1:1", "--", "true")
	require.NoError(t, command.Run())
	require.Contains(t, stderr.String(), "it has no id")
	command, _, stderr = wrapping(t, "http://127.0.0.1:1", "--quiet", "--flush", "10ms", "--id", "job", "--", "true")
	require.NoError(t, command.Run())
	require.Empty(t, stderr.String())
}

// TestNoServiceCanHoldACommandUp runs one while nobody answers, in each way in
// which nobody can.
func TestNoServiceCanHoldACommandUp(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	require.NoError(t, err)
	t.Cleanup(func() { silent.Close() })
	for name, url := range map[string]string{"refused": "http://" + unused(t), "silent": "http://" + silent.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command, stdout, stderr := wrapping(t, url, "--id", "job", "--flush", "1s", "--", "sh", "-c", "date +%s%N; echo epoch 1/2; date +%s%N")
			began := time.Now()
			require.NoError(t, command.Run())
			require.Less(t, time.Since(began), 20*time.Second)
			require.Contains(t, stdout.String(), "epoch 1/2")
			require.Contains(t, stderr.String(), "success is not reported")
		})
	}
}

// training is a run of testdata/train.py that goes on by an epoch for each step.
type training struct {
	t              *testing.T
	command        *exec.Cmd
	in             io.Writer
	stdout, stderr *output
}

// trainings are the ways in which a training is tracked, by what it is started with.
var trainings = map[string]func(t *testing.T, url string) (*exec.Cmd, *output, *output){
	"run": func(t *testing.T, url string) (*exec.Cmd, *output, *output) {
		return wrapping(t, url, "--id", "job", "--attempt", "1", "--every", "200ms", "--flush", "20s", "--", "python3", "testdata/train.py")
	},
	"python": func(t *testing.T, url string) (*exec.Cmd, *output, *output) {
		command, stdout, stderr := wrapping(t, url)
		folder, err := filepath.Abs("../../python")
		require.NoError(t, err)
		command.Path, err = exec.LookPath("python3")
		require.NoError(t, err)
		command.Args = []string{"python3", "testdata/train.py", "job", "0.2"}
		command.Env = append(command.Env, "PYTHONPATH="+folder, "PYTHONDONTWRITEBYTECODE=1")
		return command, stdout, stderr
	},
}

// onEveryTraining runs a test on each way to track, and on each store.
func onEveryTraining(t *testing.T, test func(t *testing.T, environ []string, begin func(url string) *training)) {
	for name, prepare := range trainings {
		t.Run(name, func(t *testing.T) {
			onEveryStore(t, func(t *testing.T, environ []string) {
				test(t, environ, func(url string) *training {
					command, stdout, stderr := prepare(t, url)
					in, err := command.StdinPipe()
					require.NoError(t, err)
					require.NoError(t, command.Start())
					return &training{t, command, in, stdout, stderr}
				})
			})
		})
	}
}

func (tr *training) step() {
	tr.t.Helper()
	_, err := io.WriteString(tr.in, "\n")
	require.NoError(tr.t, err)
}

func (tr *training) reaches(epoch string) {
	tr.t.Helper()
	require.Eventually(tr.t, func() bool { return strings.Contains(tr.stdout.String(), "epoch "+epoch) },
		30*time.Second, 5*time.Millisecond, tr.stderr)
}

// TestATrainingOutlivesTheService has the service come late, be killed and come
// back, on the same address, and then be away when the training ends.
func TestATrainingOutlivesTheService(t *testing.T) {
	onEveryTraining(t, func(t *testing.T, environ []string, begin func(string) *training) {
		away, tried := deaf(t)
		address := away.Addr().String()
		environ = append(environ, "STATUSD_ADDR="+address)
		tr := begin("http://" + address)
		tr.reaches("1/4")
		<-tried
		<-tried
		require.NoError(t, away.Close())

		s := launch(t, environ)
		r := s.until("job", func(r tracked) bool { return r.Progress.Current == 1 })
		require.Equal(t, "started", r.History[0].Status, "what was said before is told")
		require.NoError(t, s.process.Kill())
		s.exit()
		tr.step()
		tr.reaches("2/4")
		s = launch(t, environ)
		s.until("job", func(r tracked) bool { return r.Progress.Current == 2 })
		require.NoError(t, s.process.Kill())
		s.exit()
		tr.step()
		tr.step()
		tr.step()
		tr.reaches("4/4")
		s = launch(t, environ)
		require.NoError(t, tr.command.Wait(), tr.stderr)
		r = s.tracked("job")
		require.Equal(t, "success", r.Status)
		require.InDelta(t, 4, r.Progress.Current, 0, "%+v %s", r, tr.stderr)
	})
}

// deaf takes connections, of which it tells, and ends them.
func deaf(t *testing.T) (listener net.Listener, tried <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", unused(t))
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	came := make(chan struct{}, 1000)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
			came <- struct{}{}
		}
	}()
	return listener, came
}

// TestASlowServiceSlowsNoTraining has each answer take two seconds.
func TestASlowServiceSlowsNoTraining(t *testing.T) {
	onEveryTraining(t, func(t *testing.T, environ []string, begin func(string) *training) {
		s := start(t, environ)
		target, err := url.Parse(s.url)
		require.NoError(t, err)
		proxy := httputil.NewSingleHostReverseProxy(target)
		slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(2 * time.Second)
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(slow.Close)
		tr := begin(slow.URL)
		began := time.Now()
		for _, epoch := range []string{"1/4", "2/4", "3/4", "4/4"} {
			tr.reaches(epoch)
			tr.step()
		}
		var took float64 // as the training sees it
		for line := range strings.Lines(tr.stdout.String()) {
			_, text, _ := strings.Cut(strings.TrimSpace(line), "took ")
			seconds, err := strconv.ParseFloat(strings.TrimSuffix(text, " s"), 64)
			require.NoError(t, err)
			took += seconds
		}
		require.Less(t, took, 2.0, "no report is waited for, after %s", time.Since(began))
		require.NoError(t, tr.command.Wait(), tr.stderr)
		r := s.tracked("job")
		require.Equal(t, "success", r.Status)
		require.InDelta(t, 4, r.Progress.Current, 0, "%+v %s", r, tr.stderr)
	})
}

func TestATerminalStaysATerminal(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	command, _, _ := wrapping(t, s.url, "--id", "job", "--", "sh", "-c",
		`test -t 0 && test -t 1 && test -t 2 && echo three terminals; stty size <&1; trap 'n=x$n; echo interrupted $n' INT; echo ready; while test -z "$n"; do sleep 0.05; done; sleep 0.3; echo epoch 2/2`)
	command.Stdout, command.Stderr = nil, nil
	terminal, err := pty.StartWithSize(command, &pty.Winsize{Rows: 33, Cols: 111})
	require.NoError(t, err)
	t.Cleanup(func() { terminal.Close() })
	seen := &output{}
	go func() { _, _ = io.Copy(seen, terminal) }()
	require.Eventually(t, func() bool { return strings.Contains(seen.String(), "ready\r\n") }, 30*time.Second, 5*time.Millisecond, seen)
	_, err = terminal.Write([]byte{3}) // Ctrl-C
	require.NoError(t, err)
	require.NoError(t, command.Wait())
	require.Eventually(t, func() bool { return strings.Contains(seen.String(), "epoch 2/2") }, 30*time.Second, 5*time.Millisecond)
	require.Equal(t, "three terminals\r\n33 111\r\nready\r\n^Cinterrupted x\r\nepoch 2/2\r\n", seen.String())
	require.InDelta(t, 2, s.tracked("job").Progress.Current, 0)
}
