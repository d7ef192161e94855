package api

import (
	"net/http"

	"github.com/statusd/statusd/internal/store"
)

// get answers with a record, or with 304 if the client has it; at once, or
// when it has changed.
func (s *server) get(x *exchange, r *http.Request) error {
	id, err := requestID(x, r)
	if err != nil {
		return err
	}
	wish, err := readWish(r)
	if err != nil {
		return err
	}
	if !x.caller.Bound.MayHave(id) {
		return store.ErrNotFound
	}
	var snapshot *store.Snapshot
	if wish.wait > 0 {
		snapshot, err = s.await(x, r, id, wish)
	} else {
		snapshot, err = s.config.Watch.Get(r.Context(), id, wish.fresh)
	}
	switch {
	case err != nil:
		return err
	case !x.sees(snapshot):
		return store.ErrNotFound
	}
	e := s.encode(snapshot)
	asText := wantsText(r.Header["Accept"])
	h := x.Header()
	h["Cache-Control"] = noCache
	varies(h)
	if e.retryAfter != nil {
		h["Retry-After"] = e.retryAfter
	}
	switch {
	case asText: // it tells how long ago, and has no entity tag
		x.writeText(http.StatusOK, s.line(snapshot))
	case wish.seen.match(e.etag[0]):
		h["Etag"] = e.etag
		x.WriteHeader(http.StatusNotModified)
	default:
		e.write(x, http.StatusOK)
	}
	return nil
}
