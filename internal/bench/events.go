package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// commentEvery is how often the bare servers say something, as statusd does.
const commentEvery = 15 * time.Second

// events is an event stream of net/http, for what one takes that waits.
func events() http.HandlerFunc {
	var mu sync.Mutex
	listeners := make(map[string]map[chan []byte]struct{})
	return func(w http.ResponseWriter, r *http.Request) {
		listener := make(chan []byte, 1)
		mu.Lock()
		if listeners[r.URL.Path] == nil {
			listeners[r.URL.Path] = make(map[chan []byte]struct{})
		}
		listeners[r.URL.Path][listener] = struct{}{}
		mu.Unlock()
		defer func() {
			mu.Lock()
			delete(listeners[r.URL.Path], listener)
			mu.Unlock()
		}()
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		control := http.NewResponseController(w)
		_ = control.Flush()
		comment := time.NewTicker(commentEvery)
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

// loop is an event stream without anything: it takes connections over, and a
// POST is sent to those of its path in one loop, which begins as it is
// answered. Comments are spread over the time between them, as they are where
// each stream has a timer.
func loop() http.HandlerFunc {
	var mu sync.Mutex
	conns := make(map[string][]net.Conn)
	const parts = 100
	var all [parts][]net.Conn
	n := 0
	go func() {
		for at := 0; ; at++ {
			time.Sleep(commentEvery / parts)
			mu.Lock()
			due := all[at%parts]
			mu.Unlock()
			for _, conn := range due {
				_, _ = conn.Write([]byte(":\n\n"))
			}
		}
	}()
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			event := fmt.Appendf(nil, "event: status\nid: 1\ndata: %s\n\n", body)
			mu.Lock()
			listeners := conns[r.URL.Path+"/events"]
			mu.Unlock()
			go func() {
				for _, conn := range listeners {
					_, _ = conn.Write(event)
				}
			}()
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Transfer-Encoding", "identity")
		w.WriteHeader(http.StatusOK)
		control := http.NewResponseController(w)
		if control.Flush() != nil {
			return
		}
		conn, _, err := control.Hijack()
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		conns[r.URL.Path] = append(conns[r.URL.Path], conn)
		all[n%parts] = append(all[n%parts], conn)
		n++
	}
}
