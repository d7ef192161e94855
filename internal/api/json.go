package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

var errNotUTF8 = errors.New("it is not UTF-8")

// parseJSON reads a body that is one JSON object. Names that come twice, at
// any level, are returned apart: the first one counts. (encoding/json would
// silently take the last, and its tokens cost more than this does.)
func parseJSON(body []byte) (object, []fieldError, error) {
	if !utf8.Valid(body) {
		return nil, nil, errNotUTF8
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil, errors.New("it is empty")
	}
	// This checks the syntax of it all, to its end, and bounds its depth.
	if !json.Valid(body) {
		return nil, nil, json.Unmarshal(body, new(any)) // tells what is wrong
	}
	r := jsonReader{rest: body}
	o, ok := r.value("").(object)
	if !ok {
		return nil, nil, errors.New("it is not an object")
	}
	return o, r.repeated, nil
}

// jsonReader walks over JSON that is known to be valid.
type jsonReader struct {
	rest     []byte
	repeated []fieldError
}

// value reads one value; what holds it is named by the path before it.
func (r *jsonReader) value(path string) any {
	switch r.next() {
	case '{':
		return r.object(path)
	case '[':
		return r.list(path)
	case '"':
		return r.string()
	}
	end := 1
	for end < len(r.rest) && r.rest[end] > ' ' && bytes.IndexByte([]byte(",]}"), r.rest[end]) < 0 {
		end++
	}
	literal := string(r.rest[:end])
	r.rest = r.rest[end:]
	switch literal {
	case "null":
		return nil
	case "true":
		return true
	case "false":
		return false
	}
	return json.Number(literal)
}

func (r *jsonReader) object(path string) object {
	o := object{}
	seen := make(map[string]bool)
	for r.rest = r.rest[1:]; r.more('}'); {
		name := r.string()
		r.next()
		r.rest = r.rest[1:] // the colon
		m := member{name: name, field: below(path, name)}
		m.value = r.value(m.field)
		if seen[name] {
			r.repeated = append(r.repeated, twice(m.field))
			continue
		}
		seen[name] = true
		o = append(o, m)
	}
	return o
}

func (r *jsonReader) list(path string) []any {
	list := []any{}
	for r.rest = r.rest[1:]; r.more(']'); {
		list = append(list, r.value(path))
	}
	return list
}

// more goes on to the next element of what ends so, or past its end.
func (r *jsonReader) more(end byte) bool {
	switch r.next() {
	case end:
		r.rest = r.rest[1:]
		return false
	case ',':
		r.rest = r.rest[1:]
		r.next()
	}
	return true
}

// next skips white space and returns what comes.
func (r *jsonReader) next() byte {
	for r.rest[0] <= ' ' {
		r.rest = r.rest[1:]
	}
	return r.rest[0]
}

func (r *jsonReader) string() string {
	end := 1
	for r.rest[end] != '"' {
		if r.rest[end] == '\\' {
			end++
		}
		end++
	}
	quoted := r.rest[:end+1]
	r.rest = r.rest[end+1:]
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1:end])
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // it is valid
	return text
}

// pathMost is how many bytes of a path the names below it repeat. Were it all
// of them, a small body could have gigabytes of names.
const pathMost = 128

func below(path, name string) string {
	switch {
	case path == "":
		return name
	case len(path) > pathMost:
		path = strings.ToValidUTF8(path[:pathMost], "") + "…"
	}
	return path + "." + name
}
