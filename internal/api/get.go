package api

import "net/http"

// get answers with a record, or with 304 if the client has it.
func (s *server) get(x *exchange, r *http.Request) error {
	id, err := requestID(x, r)
	if err != nil {
		return err
	}
	if _, err := query(r); err != nil {
		return err
	}
	snapshot, err := s.config.Reader.Get(r.Context(), id, fresh(r))
	if err != nil {
		return err
	}
	e := s.encode(snapshot)
	asText := wantsText(r.Header["Accept"])
	unmodified := false
	if !asText { // text tells how long ago, and has no entity tag
		if unmodified, err = notModified(r, e.etag[0]); err != nil {
			return err
		}
	}
	h := x.Header()
	h["Cache-Control"] = noCache
	h["Vary"] = accept
	if e.retryAfter != nil {
		h["Retry-After"] = e.retryAfter
	}
	switch {
	case asText:
		x.writeText(http.StatusOK, s.line(snapshot))
	case unmodified:
		h["Etag"] = e.etag
		x.WriteHeader(http.StatusNotModified)
	default:
		e.write(x, http.StatusOK)
	}
	return nil
}
