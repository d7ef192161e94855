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
)

// writeRecord answers with a record, in the form that was asked for.
func (s *server) writeRecord(w http.ResponseWriter, r *http.Request, status int, snapshot *store.Snapshot) {
	w.Header()["Vary"] = accept
	if wantsText(r.Header["Accept"]) {
		writeText(w, status, s.line(snapshot))
		return
	}
	s.encode(snapshot).write(w, status)
}

// write answers with a record in JSON.
func (e *encoded) write(w http.ResponseWriter, status int) {
	h := w.Header()
	h["Etag"] = e.etag
	h["Content-Type"] = jsonType
	h["Content-Length"] = e.length
	w.WriteHeader(status)
	_, _ = w.Write(e.body) // an error is the client's: nobody is left to tell
}

// writeJSON answers with a value of this package.
func writeJSON(w http.ResponseWriter, status int, contentType string, value any) {
	write(w, status, contentType, marshal(value))
}

// writeText answers with lines for a person.
func writeText(w http.ResponseWriter, status int, text string) {
	write(w, status, "text/plain; charset=utf-8", []byte(text+"\n"))
}

func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // as above
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
