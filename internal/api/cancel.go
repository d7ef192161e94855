package api

import (
	"errors"
	"net/http"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
)

// cancel notes that somebody wants a job to be stopped. Its worker learns of it
// from the answer to its next report.
func (s *server) cancel(x *exchange, r *http.Request) error {
	id, permit, err := x.written(r)
	if err != nil {
		return err
	}
	if err := unconditional(r.Header, "is not supported with cancel: name the attempt"); err != nil {
		return err
	}
	update, warnings, err := readCancel(x, r)
	if err != nil {
		return err
	}
	err = s.apply(x, r, id, update, store.When{Any: true, Permit: permit}, warnings)
	if errors.Is(err, versionMismatch) {
		return store.ErrNotFound // any record would have done
	}
	return err
}

// readCancel reads why, and which attempt; neither has to be said.
func readCancel(x *exchange, r *http.Request) (model.Update, []string, error) {
	body, err := readBody(x, r)
	if err != nil {
		return model.Update{}, nil, err
	}
	if len(body) == 0 {
		return model.Update{Cancel: &model.Cancel{}}, nil, nil
	}
	parse, err := parserOf(r.Header, false)
	if err != nil {
		return model.Update{}, nil, err
	}
	return decode(body, parse, (*decoder).readCancel)
}

func (d *decoder) readCancel(o object) {
	d.update.Cancel = &model.Cancel{}
	for _, m := range o {
		switch m.name {
		case "reason":
			d.update.Cancel.Reason, _ = d.text(m)
		case "attempt":
			d.update.Attempt = d.positive(m)
		default:
			d.unclear = append(d.unclear, fieldError{m.field, "is no field of a cancel"})
		}
	}
}
