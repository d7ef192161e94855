package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is clients that follow streams, each on a connection of its own.
type crowd struct{ conns []net.Conn }

func (c *crowd) close() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// gather opens so many streams; each is open when its header has come.
func (c *crowd) gather(address string, n int, path func(i int) string) error {
	var opening sync.WaitGroup
	var mu sync.Mutex
	var failed error
	next := atomic.Int64{}
	for range 32 {
		opening.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				conn, err := openStream(address, path(i))
				mu.Lock()
				if conn != nil {
					c.conns = append(c.conns, conn)
				}
				if err != nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	opening.Wait()
	return failed
}

func openStream(address, path string) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n", path); err != nil {
		return conn, err
	}
	// A byte at a time: what follows the header is for the reader to come.
	var header []byte
	var one [1]byte
	for !bytes.HasSuffix(header, []byte("\r\n\r\n")) {
		if _, err := conn.Read(one[:]); err != nil {
			return conn, err
		}
		header = append(header, one[0])
	}
	if !bytes.HasPrefix(header, []byte("HTTP/1.1 200 ")) {
		return conn, fmt.Errorf("a stream was answered %s", header)
	}
	return conn, nil
}

// multiplexed opens so many streams over connections of HTTP/2 that they share.
func multiplexed(ctx context.Context, address string, n int, path func(i int) string) (closeAll func(), err error) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	ctx, cancel := context.WithCancel(ctx)
	closeAll = func() { cancel(); transport.CloseIdleConnections() }
	for i := range n {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path(i), nil)
		if err != nil {
			return closeAll, err
		}
		answer, err := transport.RoundTrip(request)
		if err != nil {
			return closeAll, err
		}
		if answer.StatusCode != http.StatusOK || answer.ProtoMajor != 2 {
			return closeAll, fmt.Errorf("a stream was answered %s %s", answer.Proto, answer.Status)
		}
	}
	return closeAll, nil
}

// audience is a crowd that listens: it tells when the last one has heard.
type audience struct {
	crowd
	missing atomic.Int64
	last    atomic.Int64 // Unix nanoseconds
	heard   chan struct{}
}

func (a *audience) listen() {
	a.heard = make(chan struct{}, 1)
	for _, conn := range a.conns {
		go func() {
			buffer := make([]byte, 4096)
			for {
				n, err := conn.Read(buffer)
				if err != nil {
					return
				}
				if !bytes.Contains(buffer[:n], []byte("data: ")) {
					continue // a comment
				}
				a.last.Store(time.Now().UnixNano())
				if a.missing.Add(-1) == 0 {
					a.heard <- struct{}{}
				}
			}
		}()
	}
}

// say makes a change and returns how long after its answer the last one heard.
func (a *audience) say(change func() error) (time.Duration, error) {
	a.missing.Store(int64(len(a.conns)))
	if err := change(); err != nil {
		return 0, err
	}
	answered := time.Now()
	select {
	case <-a.heard:
		return time.Unix(0, a.last.Load()).Sub(answered), nil
	case <-time.After(10 * time.Second):
		return 0, fmt.Errorf("%d did not hear", a.missing.Load())
	}
}

// poster sends reports over one connection.
type poster struct {
	address string
	conn    net.Conn
}

func (p *poster) post(path, body string) error {
	if p.conn == nil {
		conn, err := net.Dial("tcp", p.address)
		if err != nil {
			return err
		}
		p.conn = conn
	}
	if _, err := fmt.Fprintf(p.conn, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, len(body), body); err != nil {
		return err
	}
	answer := make([]byte, 8192)
	n, err := p.conn.Read(answer)
	if err == nil && !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 2")) {
		err = fmt.Errorf("answered %s", answer[:n])
	}
	return err
}

func (p *poster) close() {
	if p.conn != nil {
		_ = p.conn.Close()
	}
}

// events is the bare thing: an event stream of net/http for each GET; each POST
// is sent to all of them, after its answer. With loop, connections are taken
// over, and one loop writes to them all.
func events(loop bool) http.HandlerFunc {
	var mu sync.Mutex
	var listeners []chan []byte
	var conns []net.Conn
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/warm" {
			w.Header().Set("Content-Length", "3")
			_, _ = w.Write([]byte("ok\n"))
			return
		}
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			event := fmt.Appendf(nil, "event: status\nid: 1\ndata: %s\n\n", body)
			go func() {
				mu.Lock()
				defer mu.Unlock()
				for _, conn := range conns {
					_, _ = conn.Write(event)
				}
				for _, listener := range listeners {
					listener <- event
				}
			}()
			_, _ = w.Write([]byte("ok\n"))
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		control := http.NewResponseController(w)
		_ = control.Flush()
		if loop {
			if conn, _, err := control.Hijack(); err == nil && r.URL.Path == "/status/watched/events" {
				mu.Lock()
				conns = append(conns, conn)
				mu.Unlock()
			}
			return
		}
		listener := make(chan []byte, 1)
		mu.Lock()
		listeners = append(listeners, listener)
		mu.Unlock()
		comment := time.NewTicker(15 * time.Second)
		defer comment.Stop()
		for {
			select {
			case event := <-listener:
				_, _ = w.Write(event)
			case <-comment.C:
				_, _ = w.Write([]byte(":\n\n"))
			case <-r.Context().Done():
				return
			}
			_ = control.Flush()
		}
	}
}
