package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/statusd/statusd/client"
	"github.com/statusd/statusd/internal/human"
)

// watchJob tells a person of a job until it is over.
func watchJob(ctx context.Context, call clientCall) error {
	w := watcher{asking: call.asking("watch")}
	w.set.BoolVar(&w.json, "json", false, "print the record, as the service sends it, in a line at each change")
	w.set.DurationVar(&w.within, "timeout", 0, "how `long` to wait for the end; 0 for ever")
	w.about = `It exits with 0 if the job succeeds, 1 if it fails, 2 if the command can't be as it is, 3 if it is not known how the
job ends: the service says no, the job was deleted, or time is up; and with 130 when it is interrupted.`
	ids, err := w.parse("ID")
	switch {
	case err != nil:
		return err
	case w.within < 0:
		return usageError{errors.New("the timeout must not be below 0")}
	}
	w.id = ids[0]
	if !w.json {
		w.screen = w.terminal()
	}
	return w.run(ctx)
}

// beforeSaid is how long something may last that is not worth a word.
const beforeSaid = time.Second

// watcher tells of one job.
type watcher struct {
	*asking
	id     string
	json   bool
	within time.Duration
	screen *os.File // to keep a line up to date on; nil if there is none

	record  *client.Record // as last told; nil for none
	lost    error          // why the service does not answer; nil if it does
	since   time.Time      // when it was lost, or else when the watch began
	said    bool           // that it is lost
	waited  bool           // and, once, that there is no job yet
	drawing bool           // the cursor is behind the screen's line
}

// news is one of these.
type news struct {
	record   *client.Record
	gone     bool  // the job was deleted
	lost     error // the service does not answer
	answered bool  // it does
	no       error // it says no
}

func (w *watcher) run(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	if w.within > 0 {
		watching, stop = context.WithTimeout(ctx, w.within)
	}
	defer stop()
	came := make(chan news)
	tell := func(n news) {
		select {
		case came <- n:
		case <-watching.Done():
		}
	}
	config := w.config()
	config.Retrying = func(err error) { tell(news{lost: err, answered: err == nil}) }
	c, err := client.New(config)
	if err != nil {
		return usageError{err}
	}
	go func() {
		for r, err := range c.Follow(watching, w.id) {
			if watching.Err() == nil { // or else that is what ended it
				tell(news{record: r, gone: r == nil && err == nil, no: err})
			}
		}
	}()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	resized := make(chan os.Signal, 1)
	if w.screen != nil {
		signal.Notify(resized, syscall.SIGWINCH)
		defer signal.Stop(resized)
	}
	defer w.leave()
	w.since = time.Now()
	for watching.Err() == nil {
		w.draw()
		select {
		case n := <-came:
			if over, err := w.hear(n); over {
				return err
			}
		case <-second.C:
		case <-resized:
		case <-watching.Done():
		}
	}
	switch {
	case ctx.Err() != nil:
		return exitError(exitInterrupted)
	case w.lost != nil:
		return w.unknown(w.failure(w.lost))
	}
	return w.unknown(fmt.Errorf("%s is not over after %s", w.id, w.within))
}

// hear takes in what came. The error of what is over is the exit code.
func (w *watcher) hear(n news) (over bool, err error) {
	switch {
	case n.no != nil:
		return true, w.unknown(w.failure(n.no))
	case n.gone:
		return true, w.unknown(fmt.Errorf("%s was deleted", w.id))
	case n.answered:
		if w.said {
			w.note("the service answers again")
		}
		w.lost, w.said = nil, false
	case n.lost != nil:
		if w.lost == nil {
			w.since = time.Now()
		}
		w.lost = n.lost
	default:
		if err := w.tell(*n.record); err != nil {
			return true, w.unknown(err)
		}
		switch n.record.Status {
		case client.Success:
			return true, nil
		case client.Fail:
			return true, exitError(exitFailed)
		}
	}
	return false, nil
}

// unknown is the exit code of a job whose end is not known, and says why.
func (w *watcher) unknown(why error) error {
	w.leave()
	fmt.Fprintf(w.stderr, "statusd: %s\n", human.Harmless(why.Error()))
	return exitError(exitUnknown)
}

// tell prints what is to last of a record.
func (w *watcher) tell(r client.Record) (err error) {
	before := w.record
	w.record = &r
	switch {
	case w.json:
		_, err = fmt.Fprintf(w.stdout, "%s\n", r.JSON())
	case w.screen == nil && (before == nil || caredFor(*before) != caredFor(r)),
		before == nil, before.Status != r.Status, before.Attempt != r.Attempt:
		now := time.Now()
		w.wipe()
		_, err = fmt.Fprintf(w.stdout, "%s  %s\n", local(now), lineOf(r, now))
	}
	return err
}

// caredFor is what has to change for a person to be told.
func caredFor(r client.Record) (c struct {
	status   client.Status
	attempt  int64
	liveness client.Liveness
	progress client.Progress
	message  string
	asked    time.Time
	reason   string
}) {
	c.status, c.attempt, c.liveness, c.message = r.Status, r.Attempt, r.Liveness, r.Message
	c.asked, c.reason = r.CancelRequestedAt, r.CancelReason
	if r.Progress != nil {
		c.progress = r.Progress.Progress
	}
	return c
}

// draw brings the screen's line up to date, or where there is none says, once,
// what has gone on for long enough.
func (w *watcher) draw() {
	now := time.Now()
	state := ""
	switch {
	case now.Sub(w.since) < beforeSaid:
	case w.lost != nil:
		state = fmt.Sprintf("out of touch for %s: %s", human.Span(now.Sub(w.since)), w.failure(w.lost))
		if !w.said {
			w.said = true
			w.note(state)
		}
	case w.record == nil:
		state = "waiting for the first report"
		if !w.waited {
			w.waited = true
			w.note(state)
		}
	}
	if w.screen == nil || w.record == nil && state == "" {
		return
	}
	columns := columnsOf(w.screen)
	text := spaced(w.id, state)
	if r := w.record; r != nil {
		stages, bar := string(r.Status), 10
		if columns >= 100 {
			stages, bar = cmp.Or(stagesOf(*r), stages), 20
		}
		text = spaced(r.RequestID, stages, attemptOf(r.Attempt), barOf(*r, bar), leftOf(*r, now),
			cmp.Or(state, seenOf(*r, now)), askedOf(*r, now), r.Message)
	}
	fmt.Fprintf(w.screen, "\r%s\x1b[K", cut(text, columns-1)) // after the last column some terminals turn the line
	w.drawing = true
}

// stagesOf are the statuses that an attempt has been through.
func stagesOf(r client.Record) string {
	var stages []string
	for _, entry := range r.History {
		if entry.Attempt == r.Attempt {
			stages = append(stages, string(entry.Status))
		}
	}
	return strings.Join(stages, " > ")
}

// note says something that is not the job's, and that a screen has in its line.
func (w *watcher) note(text string) {
	if w.screen == nil {
		fmt.Fprintf(w.stderr, "statusd: %s: %s\n", human.Harmless(w.id), human.Harmless(text))
	}
}

// wipe takes away the screen's line.
func (w *watcher) wipe() {
	if w.drawing {
		fmt.Fprint(w.screen, "\r\x1b[K")
		w.drawing = false
	}
}

// leave lets the screen's line stand.
func (w *watcher) leave() {
	if w.drawing {
		fmt.Fprintln(w.screen)
		w.drawing = false
	}
}
