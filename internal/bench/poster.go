package main

import (
	"bufio"
	"fmt"
	"net"
)

// poster sends reports over one connection.
type poster struct {
	address string
	conn    net.Conn
	answers *bufio.Reader
}

func (p *poster) post(path, body string) (err error) {
	if p.conn == nil {
		if p.conn, err = net.Dial("tcp", p.address); err != nil {
			return err
		}
		p.answers = bufio.NewReaderSize(p.conn, 16<<10)
	}
	if _, err := fmt.Fprintf(p.conn, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, len(body), body); err != nil {
		return err
	}
	return readAnswer(p.answers)
}

func (p *poster) close() {
	if p.conn != nil {
		_ = p.conn.Close()
	}
}
