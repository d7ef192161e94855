// Package wrap runs a command as if nothing were around it, and tells statusd
// how it does. The command comes first: what it writes passes through, signals
// reach it, its exit code is ours, and whatever happens to the service or on
// the way to it is no matter of the command's.
package wrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/statusd/statusd/client"
)

// The exit codes of a command that can't be started, as of env and nohup.
const (
	exitCannotRun = 126
	exitNotFound  = 127
)

// Options is what to run, and how.
type Options struct {
	Command []string
	Env     []string
	Stdin   *os.File
	Stdout  *os.File
	Stderr  *os.File

	// Track has the job reported, in the background, and trouble told of; nil
	// for no reports.
	Track   func(trouble func(error)) *client.Job
	Pattern *regexp.Regexp // of progress in the output, instead of what is built in
	Tail    int            // lines of standard error to tell of a failure with

	// CancelGrace is the time that the command has between SIGTERM and SIGKILL
	// when somebody asks the job to stop; SignalGrace, when a SIGTERM comes to
	// us, 0 for all the time that it wants.
	CancelGrace, SignalGrace time.Duration
	Flush                    time.Duration // for the report of the end, at most
	Say                      func(string)  // complaints; may block
}

// Run runs the command and returns its exit code, 128 more than the signal's
// number if a signal ended it.
func Run(o Options) int {
	r := &runner{
		Options: o, memory: ownMemory("/"), ended: make(chan struct{}), complaints: make(chan string, 16),
	}
	said := make(chan struct{})
	go func() {
		defer close(said)
		for text := range r.complaints {
			if text == "" {
				return
			}
			o.Say(text)
		}
	}()
	code := r.run()
	r.say("") // the last one
	select {
	case <-said:
	case <-time.After(time.Second): // nobody reads them
	}
	return code
}

// say complains without waiting for whoever reads it.
func (r *runner) say(text string) {
	select {
	case r.complaints <- text:
	default:
	}
}

func (r *runner) trouble(err error) {
	if err == nil {
		r.say("reports arrive again")
		return
	}
	r.say("not reported, which the command does not notice: " + err.Error())
}

type runner struct {
	Options
	complaints chan string
	memory     memory
	streams    []*stream
	tail       tail
	command    *exec.Cmd
	shared     bool // the command is in our process group, and so gets the signals of a terminal's keys by itself
	job        *client.Job
	stopped    atomic.Bool   // because somebody asked for it
	ended      chan struct{} // closed when the command has
}

func (r *runner) run() int {
	signals := make(chan os.Signal, 32)
	signal.Notify(signals, syscall.SIGPIPE, syscall.SIGWINCH) // the former would end us where our output is closed
	for _, s := range forwarded {
		if !signal.Ignored(s) { // as by nohup
			signal.Notify(signals, s)
		}
	}
	killed := r.memory.kills()
	if r.Track != nil {
		r.job = r.Track(r.trouble)
	}
	spots := newSpotter(r.Pattern, r.progress)
	file, err := newNotes()
	if err != nil {
		r.say("no file for progress: " + err.Error())
	} else {
		defer file.remove()
		r.Env = append(r.Env, "STATUSD_PROGRESS="+file.path)
	}
	if err := r.start(spots); err != nil {
		r.end(client.Update{Status: client.Fail, Error: &client.Failure{Code: "not_started", Message: err.Error()}})
		r.say(err.Error())
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			return exitNotFound
		}
		return exitCannotRun
	}
	go r.forward(signals)
	if r.job != nil {
		go r.obey()
	}
	noted := make(chan struct{})
	go func() {
		defer close(noted)
		r.note(file, spots)
	}()
	_ = r.command.Wait() // the process's state tells
	close(r.ended)
	if r.stopped.Load() {
		r.kill() // what it has left behind
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for _, s := range r.streams {
			s.drain()
		}
	}()
	select {
	case <-drained:
	case <-time.After(unread): // the job is over all the same
	}
	spots.end()
	<-noted
	state := waitStatus(r.command)
	r.end(r.outcome(state, r.memory.kills()-killed))
	<-drained
	return exitCode(state)
}

// unread is how long the report of the end waits for somebody to read the last
// of the output, whose progress and errors it tells.
const unread = 3 * time.Second

func waitStatus(ended *exec.Cmd) syscall.WaitStatus {
	state, _ := ended.ProcessState.Sys().(syscall.WaitStatus)
	return state
}

func exitCode(state syscall.WaitStatus) int {
	if state.Signaled() {
		return 128 + int(state.Signal())
	}
	return state.ExitStatus()
}

// start starts the command, with its output on its way through us where that
// can be.
func (r *runner) start(spots *spotter) error {
	r.command = exec.Command(r.Command[0], r.Command[1:]...)
	r.command.Env = r.Env
	r.command.Stdin, r.command.Stdout, r.command.Stderr = r.Stdin, r.Stdout, r.Stderr
	r.shared = term.IsTerminal(int(r.Stdin.Fd())) && inForeground(r.Stdin)
	r.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: !r.shared}
	open := func(to *os.File, taps ...func([]byte)) *os.File {
		s, err := newStream(to, taps...)
		if err != nil {
			r.say("output is not looked at: " + err.Error())
			return to
		}
		r.streams = append(r.streams, s)
		return s.command
	}
	if sameFile(r.Stdout, r.Stderr) {
		both := open(r.Stderr, r.tail.add, spots.tap(0))
		r.command.Stdout, r.command.Stderr = both, both
	} else {
		r.command.Stdout = open(r.Stdout, spots.tap(0))
		r.command.Stderr = open(r.Stderr, r.tail.add, spots.tap(1))
	}
	err := r.command.Start()
	for _, s := range r.streams {
		s.command.Close()
		go s.copy()
	}
	return err
}

// forwarded are the signals that reach the command by us. What stops and
// continues, and what tells of a child or a fault, is for us alone.
var forwarded = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2,
	syscall.SIGALRM, syscall.SIGVTALRM, syscall.SIGPROF, syscall.SIGIO, syscall.SIGABRT,
}

func (r *runner) forward(signals <-chan os.Signal) {
	for s := range signals {
		switch s {
		case syscall.SIGPIPE:
			continue
		case syscall.SIGWINCH:
			for _, stream := range r.streams {
				stream.resize()
			}
		case syscall.SIGINT, syscall.SIGQUIT:
			if r.shared {
				continue
			}
		case syscall.SIGTERM:
			r.progress(nil, "got SIGTERM")
			if r.SignalGrace > 0 {
				go r.killAfter(r.SignalGrace)
			}
		}
		_ = r.command.Process.Signal(s) // it may have ended
	}
}

// obey stops the command when somebody asks for it.
func (r *runner) obey() {
	select {
	case <-r.ended:
		return
	case <-r.job.Cancelled():
	}
	r.stopped.Store(true) // before it can end by what follows
	if err := r.command.Process.Signal(syscall.SIGTERM); err != nil {
		r.stopped.Store(false) // it has ended by itself
		return
	}
	text := "asked to stop"
	if reason := r.job.CancelReason(); reason != "" {
		text += ": " + shown(reason)
	}
	r.say(text)
	r.killAfter(r.CancelGrace)
}

// killAfter ends what has not ended by then.
func (r *runner) killAfter(grace time.Duration) {
	select {
	case <-r.ended:
	case <-time.After(grace):
		r.kill()
	}
}

// kill ends the command with all that it has started, as far as it is in a
// group of its own.
func (r *runner) kill() {
	if r.shared {
		_ = r.command.Process.Kill() // it may have ended
		return
	}
	_ = syscall.Kill(-r.command.Process.Pid, syscall.SIGKILL)
}

// note looks at the file of notes until the command has ended, and once more.
// Who writes notes means them: its output is not looked at any more.
func (r *runner) note(file *notes, spots *spotter) {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	noted := false
	for more := true; more; {
		select {
		case <-r.ended:
			more = false
		case <-tick.C:
		}
		if file == nil {
			continue
		}
		if p, message, ok := file.read(); ok {
			if !noted {
				noted = true
				spots.silence()
			}
			r.progress(&p, message)
		}
	}
}

// progress is told as it comes.
func (r *runner) progress(p *client.Progress, message string) {
	switch {
	case r.job == nil:
	case p == nil:
		r.job.Say(message)
	default:
		r.job.Progress(*p, message)
	}
}

// outcome is what to report of the end.
func (r *runner) outcome(state syscall.WaitStatus, killed int64) client.Update {
	code := exitCode(state)
	if code == 0 && !r.stopped.Load() {
		return client.Update{Status: client.Success}
	}
	failure := &client.Failure{ExitCode: &code, Message: r.tail.lines(r.Tail)}
	switch {
	case r.stopped.Load():
		failure.Code = client.Cancelled
		failure.Message = cmp.Or(shown(r.job.CancelReason()), failure.Message)
	case killed > 0 && code == 128+int(syscall.SIGKILL):
		failure.Code = "out_of_memory"
		failure.Message = strings.TrimSpace("killed by the system for lack of memory\n" + failure.Message)
	case killed > 0:
		failure.Message = strings.TrimSpace(fmt.Sprintf("%s\n(%d of its processes killed by the system for lack of memory)", failure.Message, killed))
	}
	if failure.Code == "" && state.Signaled() {
		failure.Code = unix.SignalName(state.Signal())
	}
	return client.Update{Status: client.Fail, Error: failure}
}

// end has the end reported, for a bounded time.
func (r *runner) end(u client.Update) {
	if r.job == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.Flush)
	defer cancel()
	if err := r.job.End(ctx, u); err != nil {
		r.say(fmt.Sprintf("%s is not reported: %s", u.Status, err))
	}
}
