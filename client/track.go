package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	usualEvery = 15 * time.Second // between reports, if nobody says
	promised   = 2                // times as long as that the job promises at most, so that one lost report makes nobody late
	mostEvery  = time.Minute      // between reports, whatever the record asks for: their answers may ask the job to stop
	mostUnit   = 32               // bytes
	mostNumber = 1 << 53
)

// Tracking is how a job is reported by [Client.Track]. All of it may be empty.
type Tracking struct {
	Attempt  int64 // the number of this try; the time in epoch seconds if 0
	Owner    string
	Metadata map[string]string
	// Every is the time between reports, of which the job promises one in twice
	// that. If 0, the promise is that which the job's record has, or else 30
	// seconds, and reports come twice as often, but each minute at least.
	Every time.Duration
	// Trouble, if given, is told of the first of several failures to report, and
	// of nil once reports arrive again. It must return soon.
	Trouble func(error)
}

// Job is an attempt that is reported in the background. Its methods may be
// called by many goroutines, and none but End takes any time.
type Job struct {
	client   *Client
	id       string
	tracking Tracking
	stop     context.CancelFunc
	stopped  chan struct{} // closed when nothing is reported in the background any more
	first    chan struct{} // progress that should be told at once
	asked    chan struct{} // closed when somebody wants the job to stop

	mu       sync.Mutex
	progress *Progress
	message  string
	begun    bool  // the service knows of the attempt
	running  bool  // and that it is in progress
	troubled bool  // as Trouble was told
	final    error // after which there is nothing more to report
	every    time.Duration
	promise  int    // seconds; 0 to leave it at that of the record
	reason   string // for which it should stop
}

// Track reports that a job has started, from time to time that it is in
// progress, and what [Job.Progress] said last, until [Job.End]. It needs no
// service to be there: what can't be reported waits, and newer progress takes
// the place of older. However fast progress is, there is one report in the time
// that Tracking.Every says.
func (c *Client) Track(id string, t Tracking) *Job {
	if t.Attempt == 0 {
		t.Attempt = time.Now().Unix()
	}
	ctx, cancel := context.WithCancel(context.Background())
	j := &Job{
		client: c, id: id, tracking: t, stop: cancel, every: t.Every, promise: promise(t.Every),
		stopped: make(chan struct{}), first: make(chan struct{}, 1), asked: make(chan struct{}),
	}
	go j.report(ctx)
	return j
}

// Progress says how far the job is, with a message or none. Numbers that no
// record can hold are left out.
func (j *Job) Progress(p Progress, message string) {
	ok := p.Current >= 0 && p.Current <= mostNumber // not NaN either
	if !(p.Total >= p.Current && p.Total <= mostNumber) {
		p.Total = 0
	}
	for len(p.Unit) > mostUnit {
		_, size := utf8.DecodeLastRuneInString(p.Unit)
		p.Unit = p.Unit[:len(p.Unit)-size]
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if message != "" {
		j.message = message
	}
	if !ok {
		return
	}
	j.progress = &p
	if !j.running {
		select {
		case j.first <- struct{}{}:
		default:
		}
	}
}

// Say has the next report come with a message.
func (j *Job) Say(message string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.message = message
}

// Cancelled is closed when the service says that somebody wants the attempt to
// stop. Whoever does stop says so by [Job.End], with [Cancelled] as the code.
func (j *Job) Cancelled() <-chan struct{} { return j.asked }

// CancelReason is why, once Cancelled is closed; it may be empty.
func (j *Job) CancelReason() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.reason
}

// End reports how the job ended, and goes on trying until the context does, or
// for 30 seconds if that has no deadline. The progress and the message are the
// last ones, if u has none. The error says why the end is not known to the
// service. Nothing is reported after it; it can be called once.
func (j *Job) End(ctx context.Context, u Update) error {
	j.stop()
	<-j.stopped
	j.mu.Lock()
	final, begun, progress, message := j.final, j.begun, j.progress, j.message
	j.mu.Unlock()
	if final != nil {
		return final
	}
	u.Attempt, u.Owner, u.Metadata = j.tracking.Attempt, j.tracking.Owner, j.tracking.Metadata
	if u.Progress == nil {
		u.Progress = progress
	}
	if u.Message == "" {
		u.Message = message
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	if deadline, _ := ctx.Deadline(); !begun {
		// For the history. The end is what counts, and gets half of the time.
		half, cancel := context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/2))
		_, _ = j.client.Report(half, j.id, j.started()) // its failure will be the end's as well
		cancel()
	}
	_, err := j.client.Report(ctx, j.id, u)
	return err
}

func (j *Job) started() Update {
	return Update{
		Status: Started, Attempt: j.tracking.Attempt, Owner: j.tracking.Owner, Metadata: j.tracking.Metadata,
		ReportEvery: j.promise,
	}
}

func promise(every time.Duration) int { return int(math.Ceil((promised * every).Seconds())) }

// report is the background.
func (j *Job) report(ctx context.Context) {
	defer close(j.stopped)
	pause := pauses()
	for {
		u := j.next()
		var a Answer
		err := ctx.Err()
		if err == nil {
			var r request
			if r, err = reportOf(j.id, u); err == nil {
				err = j.client.try(ctx, r, readAnswer(&a))
			}
		}
		if ctx.Err() != nil {
			return // what became of it does not matter to the end
		}
		wait, more := j.settle(u.Status, a, err)
		if !more {
			return
		}
		if err != nil {
			wait = max(pause.NextBackOff(), retryAfter(err))
		} else {
			pause.Reset()
		}
		first := j.first
		if err != nil {
			first = nil // it is no reason to hurry
		}
		select {
		case <-ctx.Done():
			return
		case <-first:
		case <-time.After(wait):
		}
	}
}

// next is what there is to report now.
func (j *Job) next() Update {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.begun {
		return j.started()
	}
	return Update{
		Status: InProgress, Attempt: j.tracking.Attempt, Progress: j.progress, Message: j.message,
		Owner: j.tracking.Owner, ReportEvery: j.promise,
	}
}

// settle takes in what became of a report, and says when the next one is due,
// if there is to be one.
func (j *Job) settle(status Status, a Answer, err error) (wait time.Duration, more bool) {
	j.mu.Lock()
	var told func()
	defer func() {
		j.mu.Unlock()
		if told != nil {
			told() // by who may call the job's methods
		}
	}()
	record := &a.Record
	var no *Error
	if errors.As(err, &no) {
		record = no.Current
		switch no.Status {
		case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			j.final = err
		}
	}
	if record != nil && record.Attempt == j.tracking.Attempt && !record.CancelRequestedAt.IsZero() {
		select {
		case <-j.asked:
		default:
			j.reason = record.CancelReason
			close(j.asked)
		}
	}
	over := err == nil && a.Terminal && a.Attempt == j.tracking.Attempt
	trouble := err
	if over && status == Started {
		trouble = fmt.Errorf("attempt %d has ended as %s already: a new try needs a higher number", a.Attempt, a.Status)
	}
	if j.troubled != (trouble != nil) {
		j.troubled = trouble != nil
		if j.tracking.Trouble != nil {
			told = func() { j.tracking.Trouble(trouble) }
		}
	}
	if err != nil || over {
		return 0, err != nil && j.final == nil
	}
	switch {
	case j.every > 0:
	case a.ReportEvery > 0:
		j.every = min(time.Duration(a.ReportEvery)*time.Second/promised, mostEvery)
	default:
		j.every, j.promise = usualEvery, promise(usualEvery)
	}
	j.begun = true
	if status == InProgress {
		j.running = true
		select {
		case <-j.first: // it is told
		default:
		}
	}
	// Not all jobs of a cluster that were started together at once.
	return j.every*9/10 + rand.N(j.every/5+1), true
}
