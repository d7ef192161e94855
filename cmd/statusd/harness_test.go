package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binary is the program as people run it.
var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	folder, err := os.MkdirTemp("", "statusd")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "statusd")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
		return 1
	}
	patience = 2 * time.Second // in this process; the binary has its own
	lookEvery = 50 * time.Millisecond
	return m.Run()
}

// output takes what a program writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// event returns a field of the first log line with that message.
func (o *output) event(message, field string) (value string, ok bool) {
	for line := range strings.Lines(o.String()) {
		var event map[string]any
		if json.Unmarshal([]byte(line), &event) == nil && event["message"] == message {
			return fmt.Sprint(event[field]), true
		}
	}
	return "", false
}

// service is a running statusd, in this process or in one of its own.
type service struct {
	t       testing.TB
	url     string
	log     *output
	client  *http.Client
	token   string      // to show, if any
	process *os.Process // nil in this process
	ended   chan struct{}
	code    int // once it has ended
}

// terminate is how people and orchestrators ask a process to end.
const terminate = syscall.SIGTERM

// environment is a configuration of these variables, named without prefix, on
// a port that is free and a file of the test's own, where one address may send
// all that there is. A variable that is there twice has its last value.
func environment(t testing.TB, pairs ...string) []string {
	t.Helper()
	environ := []string{
		"HOME=" + t.TempDir(), "STATUSD_ADDR=127.0.0.1:0", "STATUSD_RATE_LIMIT=0",
		"STATUSD_DATA=" + filepath.Join(t.TempDir(), "statusd.db"),
	}
	for _, pair := range pairs {
		environ = append(environ, "STATUSD_"+pair)
	}
	return environ
}

// start serves in this process, until the test ends.
func start(t testing.TB, environ []string) *service {
	t.Helper()
	s := newService(t)
	s.serve(environ)
	s.awaitStart()
	return s
}

// serve runs the program in this process, until it is told to stop.
func (s *service) serve(environ []string) (stop func()) {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer close(s.ended)
		s.code = run(ctx, nil, environ, io.Discard, s.log)
	}()
	s.t.Cleanup(func() {
		stop()
		<-s.ended
	})
	return stop
}

// launch serves in a process of its own, which ends with the test at the
// latest.
func launch(t testing.TB, environ []string) *service {
	t.Helper()
	s := newService(t)
	command := exec.Command(binary)
	command.Env, command.Stderr = environ, s.log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, command.Start())
	s.process = command.Process
	go func() {
		defer close(s.ended)
		_ = command.Wait() // its exit code tells
		s.code = command.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill() // it has ended, mostly
		<-s.ended
	})
	s.awaitStart()
	return s
}

func newService(t testing.TB) *service {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &service{
		t: t, log: &output{}, ended: make(chan struct{}),
		client: &http.Client{Transport: transport, Timeout: 20 * time.Second},
	}
}

// awaitStart reads from the log where the service listens.
func (s *service) awaitStart() {
	s.t.Helper()
	s.await("serving")
	address, _ := s.log.event("serving", "address")
	s.url = "http://" + address
}

// await waits for a line of the log.
func (s *service) await(message string) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if _, ok := s.log.event(message, ""); ok {
			return
		}
		select {
		case <-s.ended:
		case <-time.After(2 * time.Millisecond):
			continue
		}
		break
	}
	if _, ok := s.log.event(message, ""); !ok {
		require.FailNow(s.t, "no line says "+message, "%s", s.log)
	}
}

// exit waits for the end and returns the exit code.
func (s *service) exit() int {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		require.FailNow(s.t, "it does not end", "%s", s.log)
	}
	return s.code
}

// answer is what a request brought.
type answer struct {
	status  int
	closing bool // the connection is closed after it
	body    []byte
}

// ask sends a request; the body, if any, is JSON.
func (s *service) ask(method, path, body string) (answer, error) {
	request, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if s.token != "" {
		request.Header.Set("Authorization", "Bearer "+s.token)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Close, content}, err
}

// do sends a request that has to bring this status.
func (s *service) do(status int, method, path, body string) answer {
	s.t.Helper()
	got, err := s.ask(method, path, body)
	require.NoError(s.t, err)
	require.Equal(s.t, status, got.status, "%s", got.body)
	return got
}

// record is what the tests look at in one.
type record struct {
	Status   string
	Attempt  int64
	Version  int64
	Progress struct{ Current int64 }
	History  []struct{ Status string }
}

func (a answer) record(t testing.TB) (r record) {
	t.Helper()
	a.into(t, &r)
	return r
}

func (a answer) into(t testing.TB, target any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.body, target), "%s", a.body)
}

// invoke runs another command of the program, in this process.
func invoke(t testing.TB, environ []string, words ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, complaint output
	code = run(t.Context(), words, environ, &out, &complaint)
	return code, out.String(), complaint.String()
}
