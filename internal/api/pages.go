package api

import (
	"net/http"
	"strings"

	"github.com/statusd/statusd/internal/web"
)

// page answers with a page. It is the same for all who ask, and asks them to
// sign in itself: a browser that shows no credential gets it too, but as what
// it is, a refusal. (What a link shares is in its fragment, which only the page
// can read.)
func (s *server) page(send func(w http.ResponseWriter, r *http.Request, status int)) http.HandlerFunc {
	return s.answer(func(x *exchange, r *http.Request) error {
		status := http.StatusOK
		if x.refusal != nil {
			p := problemOf(x.refusal)
			if p.Status != http.StatusUnauthorized || !strings.Contains(strings.Join(r.Header["Accept"], ","), "text/html") {
				return x.refusal
			}
			status, x.code = p.Status, p.Code
			x.Header().Set("Www-Authenticate", realm)
		}
		send(x, r, status)
		return nil
	})
}

// asset answers with a part of the pages.
func (s *server) asset(x *exchange, r *http.Request) error {
	if !web.Asset(x, r, r.PathValue("digest"), r.PathValue("file")) {
		return &fault{kind: noSuchRoute}
	}
	return nil
}
