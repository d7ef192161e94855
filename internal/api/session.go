package api

import (
	"net/http"
	"time"

	"github.com/statusd/statusd/internal/auth"
)

const (
	// cookieMost is how many bytes of a cookie browsers keep.
	// https://www.rfc-editor.org/rfc/rfc6265#section-6.1
	cookieMost = 4096
	// signedInMost is how long a browser stays signed in.
	signedInMost = 30 * 24 * time.Hour
)

// session is who is signed in, and what for.
type session struct {
	Open  bool   `json:"open"` // nobody needs to sign in
	Name  string `json:"name,omitempty"`
	Scope string `json:"scope"`
	auth.Bound
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// cookieName is what the credential of a page is kept under. Over TLS nobody
// but this very host can have set it.
// https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
func (x *exchange) cookieName() string {
	if x.secure {
		return "__Host-statusd"
	}
	return "statusd"
}

// cookie keeps a credential where scripts can't read it, and other sites' pages
// can't send it along but by a link.
func (x *exchange) cookie(value string, age time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: x.cookieName(), Value: value, MaxAge: int(age.Seconds()), Path: "/",
		HttpOnly: true, Secure: x.secure, SameSite: http.SameSiteLaxMode,
	}
}

// session tells who is signed in.
func (s *server) session(x *exchange, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	x.writeSession(s.config.Auth == nil)
	return nil
}

// signIn has a browser keep the credential that the request shows in its
// header: no other site can make one send that.
func (s *server) signIn(x *exchange, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	if s.config.Auth != nil {
		if !x.byHeader {
			return refusalOf(errNothing)
		}
		token, _ := bearer(r.Header["Authorization"])
		age := signedInMost
		if end := x.caller.Expires; !end.IsZero() {
			age = min(age, end.Sub(s.config.Clock()))
		}
		cookie := x.cookie(token, max(age, time.Second))
		if len(cookie.Name)+len(cookie.Value) > cookieMost {
			return &fault{kind: tooLarge, detail: "Browsers keep no cookie as large as this token."}
		}
		http.SetCookie(x, cookie)
	}
	x.writeSession(s.config.Auth == nil)
	return nil
}

func (x *exchange) writeSession(open bool) {
	c := x.caller
	body := session{Open: open, Name: c.Name, Scope: c.Scope.String(), Bound: c.Bound}
	if !c.Expires.IsZero() {
		end := c.Expires.UTC().Truncate(time.Second)
		body.ExpiresAt = &end
	}
	x.Header()["Cache-Control"] = noStore
	x.writeJSON(http.StatusOK, body)
}

// signOut has the browser forget it.
func (s *server) signOut(x *exchange, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	http.SetCookie(x, x.cookie("", -time.Second))
	x.WriteHeader(http.StatusNoContent)
	return nil
}
