package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/statusd/statusd/internal/model"
)

// bodyMost is how many bytes an update may have.
const bodyMost = 256 << 10

// readUpdate reads what a worker reports: an update as the merge rule takes
// it, and what had to be cut.
func readUpdate(x *exchange, r *http.Request) (model.Update, []string, error) {
	body, err := readBody(x, r)
	if err != nil {
		return model.Update{}, nil, err
	}
	parse, err := parserOf(r.Header, len(body) == 0)
	if err != nil {
		return model.Update{}, nil, err
	}
	return decodeUpdate(body, parse)
}

func readBody(x *exchange, r *http.Request) ([]byte, error) {
	large := &fault{kind: tooLarge, detail: "A body has at most 256 KiB."}
	if r.ContentLength > bodyMost {
		return nil, large
	}
	// The server's own writer, so that it knows not to read on.
	body, err := io.ReadAll(http.MaxBytesReader(x.ResponseWriter, r.Body, bodyMost))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, large
	case err != nil:
		return nil, &fault{kind: invalidBody, detail: "It ended too early."}
	}
	return body, nil
}

// parser reads a body of one type.
type parser func(body []byte) (o object, repeated []fieldError, err error)

// parserOf chooses by the type of the content. A body that is empty needs no
// type: what it lacks will be named.
func parserOf(h http.Header, empty bool) (parser, error) {
	const types = "application/json, application/x-www-form-urlencoded"
	unsupported := &fault{
		kind:   unsupportedType,
		detail: "Send " + types + ", in UTF-8 and not compressed.",
		header: http.Header{"Accept-Post": {types}},
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, unsupported
	}
	contentType := h.Get("Content-Type")
	if contentType == "" && empty {
		return parseForm, nil
	}
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, unsupported
	}
	if charset, given := parameters["charset"]; given && !slices.Contains([]string{"utf-8", "us-ascii"}, strings.ToLower(charset)) {
		return nil, unsupported
	}
	switch {
	case mediaType == "application/json",
		strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json"):
		return parseJSON, nil
	case mediaType == "application/x-www-form-urlencoded":
		return parseForm, nil
	}
	return nil, unsupported
}

// decodeUpdate is strict: what is not understood is refused, by name, and all
// of it at once. A typing error must not pass for success.
func decodeUpdate(body []byte, parse parser) (model.Update, []string, error) {
	return decode(body, parse, (*decoder).read)
}

func decode(body []byte, parse parser, read func(*decoder, object)) (model.Update, []string, error) {
	o, repeated, err := parse(body)
	if err != nil {
		return model.Update{}, nil, &fault{kind: invalidBody, detail: sentence(err)}
	}
	d := decoder{unclear: repeated, names: map[string]string{}}
	read(&d, o)
	warnings, err := d.update.Normalize()
	var problems *model.ValidationError
	if errors.As(err, &problems) {
		for _, p := range problems.Problems {
			d.refuse(p.Field, p.Message)
		}
	}
	switch {
	case d.unclear != nil:
		return model.Update{}, nil, &fault{kind: invalidBody, fields: append(d.unclear, d.bad...)}
	case d.bad != nil:
		return model.Update{}, nil, &fault{kind: invalidField, fields: d.bad}
	}
	return d.update, warnings, nil
}

// decoder turns an object into an update and gathers what is wrong with it.
type decoder struct {
	update  model.Update
	unclear []fieldError      // members that are unknown, or given twice
	bad     []fieldError      // values that their fields can't have
	names   map[string]string // what the client calls a field, by the model's name, where they differ
}

func (d *decoder) read(o object) {
	for _, m := range o {
		switch m.name {
		case "status":
			status, _ := d.text(m)
			d.update.Status = model.Status(status)
		case "attempt":
			d.update.Attempt = d.positive(m)
		case "progress":
			d.progress(m)
		case "message":
			if message, given := d.text(m); given {
				d.update.Message = &message
			}
		case "error":
			d.failure(m)
		case "metadata":
			d.metadata(m)
		case "owner":
			owner, given := d.text(m)
			if given && owner == "" {
				d.refuse(m.field, "must not be empty")
			}
			d.update.Owner = owner
		case "report_every":
			d.update.ReportEvery = d.positive(m)
		default:
			d.unknown(m)
		}
	}
}

func (d *decoder) progress(m member) {
	if text, ok := m.value.(string); ok {
		p, err := model.ParseProgress(text)
		var problems *model.ValidationError
		if errors.As(err, &problems) {
			d.refuse(m.field, problems.Problems[0].Message)
			return
		}
		d.names["progress.current"], d.names["progress.total"] = m.field, m.field
		d.update.Progress = &p
		return
	}
	o, given := d.object(m, `an object, or text like "3/10"`)
	if !given {
		return
	}
	p := &model.Progress{}
	counted := false
	for _, m := range o {
		switch m.name {
		case "current":
			p.Current, counted = d.number(m)
		case "total":
			if total, given := d.number(m); given {
				p.Total = &total
			}
		case "unit":
			p.Unit, _ = d.text(m)
		default:
			d.unknown(m)
		}
	}
	if !counted {
		d.refuse(below(m.field, "current"), "must be a number")
	}
	d.update.Progress = p
}

func (d *decoder) failure(m member) {
	o, given := d.object(m, "an object")
	if !given {
		return
	}
	e := &model.Error{}
	for _, m := range o {
		switch m.name {
		case "code":
			e.Code, _ = d.text(m)
		case "message":
			e.Message, _ = d.text(m)
		case "exit_code":
			d.names["error.exit_code"] = m.field
			if code, given := d.integer(m); given {
				e.ExitCode = &code
			}
		default:
			d.unknown(m)
		}
	}
	d.update.Error = e
}

func (d *decoder) metadata(m member) {
	o, given := d.object(m, "an object")
	if !given {
		return
	}
	d.update.Metadata = make(map[string]string, len(o))
	for _, m := range o {
		if value, given := d.text(m); given {
			d.update.Metadata[m.name] = value
		}
	}
}

// The rest reads one value each. A null counts as not given; so does, once it
// has been refused, a value of another type.

func (d *decoder) text(m member) (text string, given bool) {
	text, ok := m.value.(string)
	if !ok && m.value != nil {
		d.refuse(m.field, "must be a string")
	}
	return text, ok
}

func (d *decoder) object(m member, what string) (o object, given bool) {
	o, ok := m.value.(object)
	if !ok && m.value != nil {
		d.refuse(m.field, "must be "+what)
	}
	return o, ok
}

func (d *decoder) number(m member) (f float64, given bool) {
	if m.value == nil {
		return 0, false
	}
	text, ok := m.value.(json.Number)
	if ok {
		var err error
		f, err = text.Float64()
		ok = err == nil
	}
	if !ok {
		d.refuse(m.field, "must be a number from 0 to 2^53")
	}
	return f, ok
}

// integer takes 3, and 3.0 and 3e0 too: some encoders know only floats.
func (d *decoder) integer(m member) (i int64, given bool) {
	if m.value == nil {
		return 0, false
	}
	text, ok := m.value.(json.Number)
	if ok {
		i, ok = integral(string(text))
	}
	if !ok {
		d.refuse(m.field, "must be an integer")
	}
	return i, ok
}

// positive is an integer whose absence the model calls 0.
func (d *decoder) positive(m member) int64 {
	i, given := d.integer(m)
	if given && i == 0 {
		d.refuse(m.field, "must be at least 1")
	}
	return i
}

// integral reads a whole number up to 2^53, the largest that JSON carries
// safely.
func integral(text string) (int64, bool) {
	if !json.Valid([]byte(text)) { // a form's text may be no number at all
		return 0, false
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

func (d *decoder) unknown(m member) {
	d.unclear = append(d.unclear, fieldError{m.field, "is no field of an update"})
}

// refuse notes a bad value, the first complaint about each field alone.
func (d *decoder) refuse(field, message string) {
	if len(d.bad) == fieldsMost {
		return
	}
	if name, other := d.names[field]; other {
		field = name
	}
	if slices.ContainsFunc(d.bad, func(e fieldError) bool { return e.Field == field }) {
		return
	}
	d.bad = append(d.bad, fieldError{field, message})
}

// sentence makes an error's text one.
func sentence(err error) string {
	text := err.Error()
	return fmt.Sprintf("%s%s.", strings.ToUpper(text[:1]), text[1:])
}
