package api

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/statusd/statusd/internal/model"
)

// requestID returns the job that the path names.
func requestID(x *exchange, r *http.Request) (string, error) {
	id := r.PathValue("request_id")
	if r.URL.RawPath != "" { // then the router has matched that, as it was sent
		unescaped, err := url.PathUnescape(id)
		if err != nil {
			return "", invalid(err)
		}
		id = unescaped
	}
	if err := model.ValidateRequestID(id); err != nil {
		return "", invalid(err)
	}
	x.requestID = id
	return id, nil
}

// invalid is the fault of a value that its field can't have.
func invalid(err error) error {
	var problems *model.ValidationError
	if !errors.As(err, &problems) {
		return err
	}
	f := &fault{kind: invalidField}
	for _, p := range problems.Problems {
		f.fields = append(f.fields, fieldError{p.Field, p.Message})
	}
	return f
}

// query reads the query and refuses what the route does not know: a mistyped
// filter must not return everything.
func query(r *http.Request, known ...string) (url.Values, error) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &fault{kind: invalidQuery, detail: "It has an escape that is none, or a semicolon."}
	}
	f := &fault{kind: invalidQuery}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if !slices.Contains(known, name) {
			f.fields = append(f.fields, fieldError{name, "is no parameter of this route"})
		}
	}
	if f.fields != nil {
		return nil, f
	}
	return q, nil
}

// fresh tells whether the client wants the record read anew.
func fresh(r *http.Request) bool {
	for _, line := range r.Header["Cache-Control"] {
		for directive := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(directive), "no-cache") {
				return true
			}
		}
	}
	return false
}
