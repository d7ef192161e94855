package api

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// parseForm reads application/x-www-form-urlencoded into the object that the
// same report is in JSON: error_code is code in error, metadata.KEY is KEY in
// metadata, and so on. Names that come twice are returned apart: the first one
// counts.
func parseForm(body []byte) (object, []fieldError, error) {
	if strings.HasPrefix(strings.TrimSpace(string(body)), "{") { // as curl -d sends it
		return nil, nil, errors.New("it looks like JSON: say so, by Content-Type: application/json")
	}
	o, failure, metadata := object{}, object{}, object{}
	var repeated []fieldError
	seen := make(map[string]bool)
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescapeForm(name), unescapeForm(value)
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, nil, errNotUTF8
		}
		if seen[name] {
			repeated = append(repeated, twice(name))
			continue
		}
		seen[name] = true
		key, isMetadata := strings.CutPrefix(name, "metadata.")
		switch {
		case isMetadata:
			metadata = append(metadata, member{key, name, value})
		case name == "error_code":
			failure = append(failure, member{"code", name, value})
		case name == "error_message":
			failure = append(failure, member{"message", name, value})
		case name == "exit_code":
			failure = append(failure, member{"exit_code", name, json.Number(value)})
		case name == "attempt", name == "report_every":
			o = append(o, member{name, name, json.Number(value)})
		case name == "error", name == "metadata":
			o = append(o, member{"", name, value}) // no field of a form
		default:
			o = append(o, member{name, name, value})
		}
	}
	if len(failure) > 0 {
		o = append(o, member{"error", "error", failure})
	}
	if len(metadata) > 0 {
		o = append(o, member{"metadata", "metadata", metadata})
	}
	return o, repeated, nil
}

// unescapeForm decodes as browsers do: a % that begins no escape stands for
// itself, so that `curl -d progress=42%` works.
// https://url.spec.whatwg.org/#urlencoded-parsing
func unescapeForm(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s):
			code, err := hex.DecodeString(s[i+1 : i+3])
			if err != nil {
				b = append(b, '%')
				continue
			}
			b = append(b, code[0])
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}
