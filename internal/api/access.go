package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/statusd/statusd/internal/auth"
	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/watch"
)

// Auth is what the API needs of an [auth.Authenticator].
type Auth interface {
	Check(ctx context.Context, token string) (*auth.Credential, error)
}

// realm is what a client is told that shows no credential, or no good one.
// https://www.rfc-editor.org/rfc/rfc6750#section-3
const realm = `Bearer realm="statusd"`

// identify finds out who asks. Where a credential is asked for, and there is no
// good one, the refusal says so; what is open to all does not look at it.
func (s *server) identify(x *exchange, r *http.Request) {
	x.caller, x.client = auth.Everybody, "address "+x.network
	if s.config.Auth == nil {
		return
	}
	x.caller = nil
	token, err := shown(x, r)
	if err == nil {
		x.caller, err = s.config.Auth.Check(r.Context(), token)
	}
	if err != nil {
		x.refusal = refusalOf(err)
		return
	}
	x.who, x.client = x.caller.Name, "credential "+x.caller.Name
}

// errNothing: no credential was shown, or none that is a token.
var errNothing = errors.New("there is no token")

// shown is the credential that a request shows: in its Authorization, or, for a
// page that was signed in, in a cookie.
func shown(x *exchange, r *http.Request) (string, error) {
	if lines := r.Header["Authorization"]; len(lines) > 0 {
		token, ok := bearer(lines)
		if !ok {
			return "", errNothing
		}
		x.byHeader = true
		return token, nil
	}
	if r.Header["Cookie"] != nil {
		if cookie, err := r.Cookie(x.cookieName()); err == nil {
			return cookie.Value, nil
		}
	}
	return "", errNothing
}

// bearer reads a token from an Authorization header.
// https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func bearer(lines []string) (token string, ok bool) {
	if len(lines) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	token = strings.Trim(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", false
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c >= 0x7f || c == ',' || c == '"' {
			return "", false
		}
	}
	return token, true
}

// refusalOf is the fault of a credential that is missing, or no good.
func refusalOf(err error) error {
	challenge := func(text string) http.Header { return http.Header{"Www-Authenticate": {text}} }
	invalid := func(description string) error {
		return &fault{
			kind: invalidToken, detail: description, cause: err,
			header: challenge(realm + `, error="invalid_token", error_description="` + strings.TrimSuffix(description, ".") + `"`),
		}
	}
	switch {
	case errors.Is(err, errNothing):
		return &fault{
			kind: unauthenticated, header: challenge(realm),
			detail: "Send Authorization: Bearer and a token, or sign in on a page of this service.",
		}
	case errors.Is(err, auth.ErrExpired):
		return invalid("It has come to its end.")
	case errors.Is(err, auth.ErrInvalid):
		return invalid("It is unknown here, or was taken back.")
	}
	return err
}

// needs lets those pass whose credential has the scope.
func (s *server) needs(scope auth.Scope, h handler) http.HandlerFunc {
	return s.answer(func(x *exchange, r *http.Request) error {
		if err := x.may(scope); err != nil {
			return err
		}
		return h(x, r)
	})
}

// may tells whether the caller's credential has the scope.
func (x *exchange) may(scope auth.Scope) error {
	switch {
	case x.refusal != nil:
		return x.refusal
	case x.caller.Scope >= scope:
		return nil
	}
	return &fault{
		kind:   insufficientScope,
		detail: fmt.Sprintf("It takes the scope %s; this credential has %s.", scope, x.caller.Scope),
		header: http.Header{"Www-Authenticate": {realm + `, error="insufficient_scope", scope="` + scope.String() + `"`}},
	}
}

// sees tells whether the caller may see a record. What they may not see is not
// there for them.
func (x *exchange) sees(snapshot *store.Snapshot) bool {
	return snapshot == nil || x.caller.Bound.Has(&snapshot.Record)
}

// visible is a state as the caller may see it.
func visible(caller *auth.Credential, state *watch.State) *watch.State {
	if state != nil && state.Snapshot != nil && !caller.Bound.Has(&state.Snapshot.Record) {
		return nowhere
	}
	return state
}

var nowhere = &watch.State{}

// permit is the caller's bound, for what is done to many records, or nil.
func (x *exchange) permit() store.Permit {
	if x.caller.Bound.None() {
		return nil
	}
	return func(r *model.Record) bool { return r != nil && x.caller.Bound.Has(r) }
}

// written is the job that a request without a query writes to, and what has the
// record that is found decide whether it may.
func (x *exchange) written(r *http.Request) (id string, permit store.Permit, err error) {
	if id, err = requestID(x, r); err != nil {
		return "", nil, err
	}
	if _, err := query(r); err != nil {
		return "", nil, err
	}
	permit, err = x.writes(id)
	return id, permit, err
}

// writes tells whether the caller may write to a job of that id, and returns
// what decides it for the record that is found. An owner's own job may be made.
func (x *exchange) writes(id string) (store.Permit, error) {
	bound := x.caller.Bound
	if !bound.MayHave(id) {
		return nil, x.outOfBounds()
	}
	if bound.Owner == "" {
		return nil, nil // the id was all that counts
	}
	return func(r *model.Record) bool { return r == nil || bound.Has(r) }, nil
}

func (x *exchange) outOfBounds() error {
	return &fault{kind: outOfBounds, detail: "This credential is for " + x.caller.Bound.String() + "."}
}

// view narrows a list to what the caller may see of it, and returns what its
// counts are of; nil if that is nothing. A list of the jobs of all is for
// administrators; the others name an owner, or are one.
func (x *exchange) view(f *store.Filter) (*watch.View, error) {
	bound := x.caller.Bound
	f.Permit = x.permit()
	view := &watch.View{Name: bound.String(), Owner: bound.Owner, Permit: f.Permit}
	switch {
	case bound.Job != "":
		return nil, &fault{kind: outOfBounds, detail: "This credential is for one job. Ask for that by request_id."}
	case bound.Owner != "":
		if f.Owner != "" && f.Owner != bound.Owner {
			return nil, nil
		}
		f.Owner = bound.Owner
	case x.caller.Scope >= auth.Admin:
	case f.Owner == "":
		err := x.may(auth.Admin).(*fault)
		err.detail += " Or name an owner, or jobs by request_id."
		return nil, err
	default:
		view.Name, view.Owner = view.Name+" owner:"+f.Owner, f.Owner
	}
	return view, nil
}
