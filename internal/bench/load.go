package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// load sends requests over so many connections, one at a time on each, as
// fast as they are answered. It is a plain HTTP/1.1 client: on shared cores a
// heavier one would hide what is measured.
type load struct {
	address     string
	connections int
	// request returns the n-th request of a connection, as it goes over the wire.
	request func(buffer []byte, connection, n int) []byte
	pause   time.Duration // before each request

	sent []int // by connection, over all measurements
}

func newLoad(address string, connections int, request func(buffer []byte, connection, n int) []byte) *load {
	return &load{address: address, connections: connections, request: request, sent: make([]int, connections)}
}

func (l *load) measure(ctx context.Context, length time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	answered := make([]int, l.connections)
	failed := make([]error, l.connections)
	var group sync.WaitGroup
	for c := range l.connections {
		group.Go(func() {
			answered[c], failed[c] = l.drive(ctx, c)
		})
	}
	group.Wait()
	total := 0
	for c := range l.connections {
		if failed[c] != nil {
			return 0, failed[c]
		}
		total += answered[c]
	}
	return total, nil
}

func (l *load) drive(ctx context.Context, c int) (answered int, err error) {
	conn, err := net.Dial("tcp", l.address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	answers := bufio.NewReaderSize(conn, 16<<10)
	var buffer []byte
	for ctx.Err() == nil {
		time.Sleep(l.pause)
		buffer = l.request(buffer[:0], c, l.sent[c])
		l.sent[c]++
		if _, err := conn.Write(buffer); err != nil {
			return answered, err
		}
		if err := readAnswer(answers); err != nil {
			return answered, err
		}
		answered++
	}
	return answered, nil
}

// readAnswer reads one answer of known length and expects success.
func readAnswer(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < 12 || line[9] != '2' {
		rest, _ := io.ReadAll(io.LimitReader(r, int64(r.Buffered())))
		return fmt.Errorf("answered %s%s", line, rest)
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("an answer without Content-Length")
	}
	_, err = r.Discard(length)
	return err
}

// get asks for one path again and again.
func get(path string) func([]byte, int, int) []byte {
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	return func([]byte, int, int) []byte { return request }
}

// heartbeat reports progress, each connection of a job of its own.
func heartbeat(buffer []byte, connection, n int) []byte {
	body := fmt.Appendf(nil, `{"status":"in-progress","attempt":1,"progress":{"current":%d,"total":100000000,"unit":"step"}}`, n)
	buffer = fmt.Appendf(buffer, "POST /status/bench-%d HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		connection, len(body))
	return append(buffer, body...)
}
