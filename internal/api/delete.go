package api

import (
	"errors"
	"net/http"
)

// delete forgets a job.
func (s *server) delete(x *exchange, r *http.Request) error {
	id, err := requestID(x, r)
	if err != nil {
		return err
	}
	if _, err := query(r); err != nil {
		return err
	}
	for _, name := range []string{"If-Match", "If-None-Match"} {
		if len(r.Header[name]) > 0 {
			return badHeader(name, errors.New("is not supported with DELETE"))
		}
	}
	permit, err := x.writes(id)
	if err != nil {
		return err
	}
	ctx, cancel := s.writing(r)
	defer cancel()
	if err := s.config.Store.Delete(ctx, id, permit); err != nil {
		return err
	}
	x.outcome = "deleted"
	x.WriteHeader(http.StatusNoContent)
	return nil
}
