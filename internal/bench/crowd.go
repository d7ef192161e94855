package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// crowdMost is how many streams one process follows: more than one is needed,
// since a process may have 20,000 files open on common systems.
const crowdMost = 5000

// jobPath is where the i-th stream is found, of those that follow so many jobs.
func jobPath(i, jobs int) string { return "/status/watched-" + strconv.Itoa(i%jobs) }

// crowd has processes of their own follow the streams first to first+n-1, each
// stream on a connection of its own, and waits until all are open.
func (s *setting) crowd(ctx context.Context, address string, first, n, jobs int) (crowds []*child, err error) {
	for n > 0 {
		c, err := s.keep(startSelf("watchers"))
		if err != nil {
			return nil, err
		}
		most := min(n, crowdMost)
		if _, err := c.ask(ctx, fmt.Sprintf("/open?address=%s&first=%d&streams=%d&jobs=%d", address, first, most, jobs)); err != nil {
			return nil, err
		}
		crowds = append(crowds, c)
		first, n = first+most, n-most
	}
	return crowds, nil
}

// ask asks a child for a number.
func (c *child) ask(ctx context.Context, path string) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.address+path, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", bytes.TrimSpace(body))
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(body), 10, 64)
}

// watchers follows streams, in a process of its own.
type watchers struct {
	conns  []net.Conn
	events atomic.Int64
	last   chan int64 // when the last one had an event, in Unix nanoseconds
}

func newWatchers() http.Handler {
	w := &watchers{last: make(chan int64, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("/open", w.open)
	mux.HandleFunc("/last", w.lastHeard)
	mux.HandleFunc("/events", func(out http.ResponseWriter, _ *http.Request) { fmt.Fprint(out, w.events.Load()) })
	return mux
}

func (w *watchers) open(out http.ResponseWriter, r *http.Request) {
	number := func(name string) int { n, _ := strconv.Atoi(r.FormValue(name)); return n }
	w.conns = make([]net.Conn, number("streams"))
	failed := make([]error, len(w.conns))
	var next atomic.Int64
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(w.conns); i = int(next.Add(1)) - 1 {
				w.conns[i], failed[i] = openStream(r.FormValue("address"), jobPath(number("first")+i, number("jobs"))+"/events")
			}
		})
	}
	group.Wait()
	for _, err := range failed {
		if err != nil {
			http.Error(out, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	for _, conn := range w.conns {
		go w.follow(conn)
	}
	fmt.Fprint(out, len(w.conns))
}

// openStream returns once the header has come.
func openStream(address, path string) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n", path); err != nil {
		return nil, err
	}
	// A byte at a time: what follows the header is for the reader to come.
	var header []byte
	var one [1]byte
	for !bytes.HasSuffix(header, []byte("\r\n\r\n")) {
		if _, err := conn.Read(one[:]); err != nil {
			return nil, err
		}
		header = append(header, one[0])
	}
	if !strings.HasPrefix(string(header), "HTTP/1.1 200 ") {
		return nil, fmt.Errorf("a stream was answered %s", header)
	}
	return conn, nil
}

// follow counts events. A read has one at most: they are smaller than the
// buffer, each is written at once, and the next one comes later.
func (w *watchers) follow(conn net.Conn) {
	buffer := make([]byte, 2048)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if !bytes.Contains(buffer[:n], []byte("event: status\n")) {
			continue // a comment
		}
		now := time.Now().UnixNano()
		if w.events.Add(1)%int64(len(w.conns)) != 0 {
			continue
		}
		select {
		case w.last <- now:
		default: // nobody asks
		}
	}
}

// lastHeard answers once all have had as many events.
func (w *watchers) lastHeard(out http.ResponseWriter, r *http.Request) {
	select {
	case at := <-w.last:
		fmt.Fprint(out, at)
	case <-time.After(10 * time.Second):
		http.Error(out, fmt.Sprintf("not all heard: %d events", w.events.Load()), http.StatusInternalServerError)
	case <-r.Context().Done():
	}
}

// multiplexed opens streams over HTTP/2, 100 on a connection that they share.
func multiplexed(ctx context.Context, address string, n, jobs int) error {
	var transport *http.Transport
	for i := range n {
		if i%100 == 0 {
			transport = &http.Transport{Protocols: new(http.Protocols)}
			transport.Protocols.SetUnencryptedHTTP2(true)
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+jobPath(i, jobs)+"/events", nil)
		if err != nil {
			return err
		}
		answer, err := transport.RoundTrip(request) // its stream ends with the context
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK || answer.ProtoMajor != 2 {
			return fmt.Errorf("a stream was answered %s %s", answer.Proto, answer.Status)
		}
	}
	return nil
}
