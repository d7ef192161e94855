package api

import (
	"github.com/statusd/statusd/internal/web"
	"net/http"
)

// asset answers with a part of the pages.
func (s *server) asset(x *exchange, r *http.Request) error {
	if !web.Asset(x, r, r.PathValue("digest"), r.PathValue("file")) {
		return &fault{kind: noSuchRoute}
	}
	return nil
}
