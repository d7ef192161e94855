package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/statusd/statusd/client"
	"github.com/statusd/statusd/internal/wrap"
)

// wrapped is what statusd run takes.
type wrapped struct {
	*asking
	id       string
	tracking client.Tracking
	pattern  *regexp.Regexp
	tail     int
	grace    time.Duration
	flush    time.Duration
	quiet    bool
}

const (
	usualGrace = 30 * time.Second
	usualFlush = 5 * time.Second
	usualTail  = 20
)

func (c clientCall) wrapped() *wrapped {
	w := &wrapped{asking: c.asking("run"), tracking: client.Tracking{Metadata: map[string]string{}}}
	set := w.set
	set.StringVar(&w.id, "id", "", "`request_id` of the job; STATUSD_REQUEST_ID, or else the scheduler's: AWS_BATCH_JOB_ID, SLURM_JOB_ID, TRAINING_JOB_NAME (SageMaker), RAY_JOB_SUBMISSION_ID")
	set.Int64Var(&w.tracking.Attempt, "attempt", 0, "`number` of this try, which grows with each; STATUSD_ATTEMPT, or else AWS_BATCH_JOB_ATTEMPT, SLURM_RESTART_COUNT plus 1, or the time in epoch seconds")
	set.StringVar(&w.tracking.Owner, "owner", "", "`whose` job it is; STATUSD_OWNER")
	set.DurationVar(&w.tracking.Every, "every", 0, "`time` between reports; 15s, if the job's record has no report_every")
	set.Func("metadata", "`KEY=VALUE` to show with the job; may be given several times", func(text string) error {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return errors.New("it must be KEY=VALUE")
		}
		w.tracking.Metadata[key] = value
		return nil
	})
	set.Func("progress-regex", "`expression` for progress in the output, with groups current, total, unit, message, or a first and a second one; instead of those that are built in", func(text string) (err error) {
		w.pattern, err = regexp.Compile(text)
		if err == nil && w.pattern.NumSubexp() == 0 {
			err = errors.New("it has no group for the current number")
		}
		return err
	})
	set.IntVar(&w.tail, "tail", usualTail, "`lines` of standard error to tell of a failure with; 0 for none")
	set.DurationVar(&w.grace, "grace", 0, "`time` between SIGTERM and SIGKILL: 30s when somebody asks the job to stop; when a SIGTERM comes to statusd run, only if this is given")
	set.DurationVar(&w.flush, "flush", usualFlush, "`time` that the report of the end may take, after the command has ended")
	set.BoolVar(&w.quiet, "quiet", false, "say nothing about what can't be reported")
	return w
}

// parse reads the flags, which end where the command begins.
func (w *wrapped) parse() (command []string, err error) {
	w.set.SetOutput(io.Discard) // its complaints are told once, by run
	switch err := w.set.Parse(w.args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(w.stdout, "statusd run [flags] -- COMMAND [ARGUMENT]...\n\n"+
			"Runs a command, and reports that it started, that it goes on and how far it is, and how it ended. The command knows\n"+
			"nothing of it, and its exit code is that of statusd run. To the file that STATUSD_PROGRESS names in its environment\n"+
			"it may write lines like: 3/10 epoch loss=0.21\n\n")
		w.help(nil)
		return nil, err
	case err != nil:
		return nil, usageError{err}
	case w.set.NArg() == 0:
		return nil, usageError{errors.New("there is no command to run")}
	case w.tracking.Attempt < 0, w.tracking.Every < 0, w.grace < 0, w.flush < 0, w.tail < 0:
		return nil, usageError{errors.New("no number may be below 0")}
	}
	return w.set.Args(), nil
}

// wrapCommand runs a command and reports it. What is wrong with the arguments
// is told before anything runs; what is wrong with the rest keeps nothing from
// running.
func wrapCommand(_ context.Context, c clientCall) error {
	w := c.wrapped()
	command, err := w.parse()
	if err != nil {
		return err
	}
	say := func(text string) {
		if !w.quiet {
			fmt.Fprintf(w.stderr, "statusd run: %s\n", text)
		}
	}
	w.id = cmp.Or(w.id, client.RequestID(w.getenv))
	if w.tracking.Attempt == 0 {
		w.tracking.Attempt = client.Attempt(w.getenv, time.Now())
		if given := w.getenv("STATUSD_ATTEMPT"); given != "" && given != strconv.FormatInt(w.tracking.Attempt, 10) {
			say(fmt.Sprintf("STATUSD_ATTEMPT is no number from 1 to 2^53, so this is attempt %d", w.tracking.Attempt))
		}
	}
	w.tracking.Owner = cmp.Or(w.tracking.Owner, w.getenv("STATUSD_OWNER"))
	options := wrap.Options{
		Command: command, Env: append(os.Environ(), fmt.Sprintf("STATUSD_ATTEMPT=%d", w.tracking.Attempt)),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Pattern: w.pattern, Tail: w.tail,
		CancelGrace: cmp.Or(w.grace, usualGrace), SignalGrace: w.grace, Flush: w.flush, Say: say,
	}
	service, err := w.client(nil)
	switch {
	case err != nil:
		say("the job is not tracked: " + err.Error())
	case w.id == "":
		say("the job is not tracked: it has no id; name one by --id or STATUSD_REQUEST_ID")
	default:
		options.Env = append(options.Env, "STATUSD_REQUEST_ID="+w.id)
		if w.server != "" {
			options.Env = append(options.Env, "STATUSD_SERVER="+w.server)
		}
		options.Track = func(trouble func(error)) *client.Job {
			w.tracking.Trouble = trouble
			return service.Track(w.id, w.tracking)
		}
	}
	return exitError(wrap.Run(options))
}
