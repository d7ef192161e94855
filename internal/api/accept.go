package api

import (
	"strconv"
	"strings"
)

// wantsText tells whether an Accept header prefers text/plain to JSON. The
// more specific range decides about a type; JSON wins a tie, and is what those
// get who accept neither.
// https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
func wantsText(accept []string) bool {
	if len(accept) == 0 || len(accept) == 1 && (accept[0] == "*/*" || accept[0] == "application/json") {
		return false
	}
	text := preference{q: 0}
	json := preference{q: 0}
	for _, line := range accept {
		for element := range strings.SplitSeq(line, ",") {
			name, q, ok := parseRange(element)
			if !ok {
				continue
			}
			switch name {
			case "text/plain":
				text.set(3, q)
			case "application/json", "application/problem+json":
				json.set(3, q)
			case "text/*":
				text.set(2, q)
			case "application/*":
				json.set(2, q)
			case "*/*":
				text.set(1, q)
				json.set(1, q)
			}
		}
	}
	return text.q > json.q
}

// preference is the quality of a type by the most specific range so far.
type preference struct {
	specific int
	q        float64
}

func (p *preference) set(specific int, q float64) {
	if specific > p.specific || specific == p.specific && q > p.q {
		*p = preference{specific, q}
	}
}

// parseRange reads one element of Accept: a media range and its quality, 1 if
// not given. Other parameters are passed over.
func parseRange(element string) (name string, q float64, ok bool) {
	name, parameters, _ := strings.Cut(element, ";")
	name = strings.ToLower(strings.TrimSpace(name))
	q = 1
	for parameter := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(parameter, "=")
		if !strings.EqualFold(strings.TrimSpace(key), "q") {
			continue
		}
		var err error
		q, err = strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return "", 0, false
		}
	}
	return name, q, strings.Contains(name, "/")
}
