package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tmaxmax/go-sse"
)

const (
	silence   = 45 * time.Second // of a stream, which has a comment every 15 s, after which it is dead
	firstByte = 5 * time.Second  // of a stream: it comes at once, unless something on its way holds it back
	pollFor   = 5 * time.Minute  // before streams are tried again
	waitFor   = 50 * time.Second // of one request
	mostEvent = 1 << 20          // bytes
)

// Follow tells of a job as it changes: of its record as it is now, or as soon
// as there is one, and then of each change, though of several in a short time
// perhaps as of one. A nil record says that the job was deleted. It ends after
// the record of a job that is over, and with an error when the context ends or
// the service says no; while the service is away it goes on trying. It
// listens to the service's stream, and asks again and again where streams
// can't be had.
func (c *Client) Follow(ctx context.Context, id string) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		f := follower{client: c, id: id, yield: yield}
		pause := pauses()
		cuts := 0 // streams in a row of which nothing was heard
		var pollUntil time.Time
		for !f.over {
			f.heard = false
			way := f.stream
			if time.Now().Before(pollUntil) {
				way = f.poll
			}
			err := way(ctx)
			switch {
			case f.over:
				return
			case ctx.Err() != nil:
				f.yield(nil, ctx.Err())
				return
			case isFull(err): // so that nobody may wait, but ask
				pollUntil = time.Now().Add(pollFor)
				continue
			case errors.Is(err, errCut):
				if cuts++; f.heard {
					cuts = 0
				} else if cuts >= 2 {
					pollUntil, cuts = time.Now().Add(pollFor), 0
				}
			case err != nil && !passing(err):
				f.yield(nil, err)
				return
			}
			if err == nil || f.heard {
				pause.Reset()
			}
			if err != nil {
				c.retrying(err)
				select {
				case <-ctx.Done():
				case <-time.After(max(pause.NextBackOff(), retryAfter(err))):
				}
			}
		}
	}
}

// Wait returns the record of a job once it is over. A job that is not there is
// waited for.
func (c *Client) Wait(ctx context.Context, id string) (Record, error) {
	for record, err := range c.Follow(ctx, id) {
		switch {
		case err != nil:
			return Record{}, err
		case record != nil && record.Terminal:
			return *record, nil
		}
	}
	return Record{}, errStrange // Follow ends in no other way
}

// errCut is a stream that ended before the job did.
var errCut = errors.New("the stream ended")

type follower struct {
	client *Client
	id     string
	yield  func(*Record, error) bool
	known  *Record // as last told; nil for none
	etag   string  // of known, if it came by asking
	heard  bool    // something of the stream
	over   bool    // nobody wants to know more
}

func (f *follower) tell(r *Record, etag string) {
	f.etag = etag
	if r == nil && f.known == nil || r != nil && f.known != nil && r.Version == f.known.Version && r.Liveness == f.known.Liveness {
		return
	}
	f.known = r
	f.over = !f.yield(r, nil) || r != nil && r.Terminal
}

// stream listens until the job is over, or the stream ends: errCut.
func (f *follower) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(firstByte, func() { cancel(errCut) })
	defer watchdog.Stop()
	r := request{method: http.MethodGet, path: path(f.id, "/events"), header: http.Header{"Accept": {"text/event-stream"}}}
	if f.known != nil {
		r.header.Set("Last-Event-ID", strconv.FormatInt(f.known.Version, 10))
	}
	answer, err := f.client.once(ctx, r)
	if err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	defer answer.Body.Close()
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != "text/event-stream" {
		return fmt.Errorf("%w: it is none", errCut)
	}
	for event, err := range sse.Read(listened{answer.Body, func() {
		f.heard = true
		watchdog.Reset(silence)
	}}, &sse.ReadConfig{MaxEventSize: mostEvent}) {
		if err != nil {
			return fmt.Errorf("%w: %w", errCut, err)
		}
		switch event.Type {
		case "status":
			var record Record
			if err := record.UnmarshalJSON([]byte(event.Data)); err != nil {
				return err
			}
			f.tell(&record, "")
		case "gone":
			f.tell(nil, "")
		}
		if f.over {
			return nil
		}
	}
	return errCut
}

// listened is a stream's body that has somebody know when something comes.
type listened struct {
	io.Reader
	came func()
}

func (l listened) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if n > 0 {
		l.came()
	}
	return n, err
}

// poll asks for the record, and waits for one that is news if the service lets
// it.
func (f *follower) poll(ctx context.Context) error {
	r := request{
		method: http.MethodGet, path: path(f.id), header: http.Header{},
		query: url.Values{"wait": {waitFor.String()}}, lasts: waitFor + tryFor,
	}
	switch {
	case f.etag != "":
		r.header.Set("If-None-Match", f.etag)
	case f.known != nil:
		r.query.Set("version", strconv.FormatInt(f.known.Version, 10))
	}
	_, err := f.ask(ctx, r)
	if !isFull(err) {
		return err
	}
	r.query = nil
	next, err := f.ask(ctx, r)
	if err == nil {
		select {
		case <-ctx.Done():
		case <-time.After(next):
		}
	}
	return err
}

func isFull(err error) bool { return errors.Is(err, Code("too_many_watchers")) }

// ask returns, too, when the service suggests to ask again.
func (f *follower) ask(ctx context.Context, r request) (next time.Duration, err error) {
	err = f.client.try(ctx, r, func(answer *http.Response) error {
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // or else usual
		next = max(time.Duration(seconds)*time.Second, usualPoll)
		if answer.StatusCode == http.StatusNotModified {
			return nil
		}
		var record Record
		if err := readJSON(answer, &record); err != nil {
			return err
		}
		f.tell(&record, answer.Header.Get("ETag"))
		return nil
	})
	if errors.Is(err, NotFound) {
		f.tell(nil, "")
		return usualPoll, nil
	}
	return next, err
}

const usualPoll = 5 * time.Second
