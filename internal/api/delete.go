package api

import "net/http"

// delete forgets a job.
func (s *server) delete(x *exchange, r *http.Request) error {
	id, permit, err := x.written(r)
	if err != nil {
		return err
	}
	if err := unconditional(r.Header, "is not supported with DELETE"); err != nil {
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
