package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/statusd/statusd/internal/store"
)

// Header values that many answers share. Nobody changes them.
var (
	jsonType = []string{"application/json"}
	noCache  = []string{"no-cache"}
	accept   = []string{"Accept"}
	// Nobody but [server.shared] has set it before.
	originAndAccept = []string{"Origin, Accept"}
)

// varies says that the answer is in the form that was asked for, besides what
// else it depends on.
func varies(h http.Header) {
	if h["Vary"] == nil {
		h["Vary"] = accept
	} else {
		h["Vary"] = originAndAccept
	}
}

// writeRecord answers with a record, in the form that was asked for.
func (s *server) writeRecord(x *exchange, r *http.Request, status int, snapshot *store.Snapshot) {
	varies(x.Header())
	if wantsText(r.Header["Accept"]) {
		x.writeText(status, s.line(snapshot))
		return
	}
	s.encode(snapshot).write(x, status)
}

// write answers with a record in JSON.
func (e *encoded) write(x *exchange, status int) {
	h := x.Header()
	h["Etag"] = e.etag
	h["Content-Type"] = jsonType
	h["Content-Length"] = e.length
	x.WriteHeader(status)
	_, _ = x.Write(e.body) // an error is the client's: nobody is left to tell
}

// writeJSON answers with a value of this package.
func (x *exchange) writeJSON(status int, value any) {
	x.write(status, "application/json", marshal(value))
}

// writeText answers with lines for a person.
func (x *exchange) writeText(status int, text string) {
	x.write(status, "text/plain; charset=utf-8", []byte(text+"\n"))
}

func (x *exchange) write(status int, contentType string, body []byte) {
	h := x.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.WriteHeader(status)
	_, _ = x.Write(body) // as above
}

// marshal encodes a value of this package, with a line end for those who read
// it in a terminal.
func marshal(value any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(fmt.Errorf("encoding an answer: %w", err)) // its types can always be encoded
	}
	return b.Bytes()
}
