package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

var errNotUTF8 = errors.New("it is not UTF-8")

// parseJSON reads a body that is one JSON object. Names that come twice, at
// any level, are returned apart: the first one counts. (encoding/json would
// silently take the last.)
func parseJSON(body []byte) (object, []fieldError, error) {
	if !utf8.Valid(body) {
		return nil, nil, errNotUTF8
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil, errors.New("it is empty")
	}
	// This checks all of it, trailing data included; the tokens below don't.
	if err := json.Unmarshal(body, new(json.RawMessage)); err != nil {
		return nil, nil, err
	}
	p := jsonParser{Decoder: json.NewDecoder(bytes.NewReader(body))}
	p.UseNumber()
	value, err := p.value("")
	if err != nil {
		return nil, nil, err
	}
	o, ok := value.(object)
	if !ok {
		return nil, nil, errors.New("it is not an object")
	}
	return o, p.repeated, nil
}

type jsonParser struct {
	*json.Decoder
	repeated []fieldError
}

// value reads one value; what holds it is named by the path before it.
func (p *jsonParser) value(path string) (any, error) {
	token, err := p.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return p.object(path)
	case json.Delim('['):
		return p.list(path)
	}
	return token, nil
}

func (p *jsonParser) list(path string) ([]any, error) {
	var list []any
	for p.More() {
		element, err := p.value(path)
		if err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	_, err := p.Token()
	return list, err
}

func (p *jsonParser) object(path string) (object, error) {
	o := object{}
	seen := make(map[string]bool)
	for p.More() {
		token, err := p.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: token.(string)} // names are strings, says Decoder.Token
		m.field = below(path, m.name)
		if m.value, err = p.value(m.field); err != nil {
			return nil, err
		}
		if seen[m.name] {
			p.repeated = append(p.repeated, twice(m.field))
			continue
		}
		seen[m.name] = true
		o = append(o, m)
	}
	_, err := p.Token()
	return o, err
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
