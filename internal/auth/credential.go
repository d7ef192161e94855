// Package auth knows who may do what: it alone reads credentials, and says
// what each is good for. It knows nothing of HTTP.
package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/statusd/statusd/internal/model"
)

// Scope is what may be done. Each includes those before it.
type Scope int

// What each is for.
const (
	Read  Scope = iota + 1 // see jobs
	Write                  // report
	Admin                  // delete, list the jobs of all, see the metrics
)

var scopes = []string{"", "read", "write", "admin"}

func (s Scope) String() string { return scopes[s] }

// ParseScope reads one of read, write and admin.
func ParseScope(text string) (Scope, error) {
	i := slices.Index(scopes, text)
	if i < 1 {
		return 0, fmt.Errorf("the scope is %q, not read, write or admin", text)
	}
	return Scope(i), nil
}

// Bound limits a credential to some jobs: one, those whose id begins so, or
// those of an owner. Of its fields at most one is set; none is no limit.
type Bound struct {
	Job    string `json:"job,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	Owner  string `json:"owner,omitempty"`
}

// None tells whether there is no limit.
func (b Bound) None() bool { return b == Bound{} }

// MayHave tells whether a job of that id can be within the bound: if not,
// nothing that is known of the job changes that.
func (b Bound) MayHave(id string) bool {
	return (b.Job == "" || b.Job == id) && strings.HasPrefix(id, b.Prefix)
}

// Has tells whether a job is within the bound.
func (b Bound) Has(r *model.Record) bool {
	return b.MayHave(r.RequestID) && (b.Owner == "" || b.Owner == r.Owner)
}

// String is the bound as "job:ID", "prefix:ID" or "owner:NAME"; "" for none.
func (b Bound) String() string {
	switch {
	case b.Job != "":
		return "job:" + b.Job
	case b.Prefix != "":
		return "prefix:" + b.Prefix
	case b.Owner != "":
		return "owner:" + b.Owner
	}
	return ""
}

// validate tells what is wrong with a bound that somebody wrote.
func (b Bound) validate() error {
	given := 0
	for _, value := range []string{b.Job, b.Prefix, b.Owner} {
		if value != "" {
			given++
		}
	}
	if given > 1 {
		return errors.New("only one of job, prefix and owner can be given")
	}
	for _, id := range []string{b.Job, b.Prefix} {
		if id != "" && model.ValidateRequestID(id) != nil {
			return fmt.Errorf("%q is not what a request_id can be, or begin with", id)
		}
	}
	if b.Owner != "" {
		return model.ValidateOwner(b.Owner)
	}
	return nil
}

// Credential is what somebody may do who has shown one. It is shared by all
// requests that show it, and changes only by its end.
type Credential struct {
	Name    string // of whom to hold to account: "token:ci", "job:bert-17", "user:alice"
	Scope   Scope
	Bound   Bound
	Expires time.Time // zero: never
	// revoked is set when its token, or the key that signed it, is taken away.
	revoked *atomic.Bool
}

// Everybody is who does without a credential, where none is asked for.
var Everybody = &Credential{Scope: Admin}

// Valid tells whether the credential is still good.
func (c *Credential) Valid(now time.Time) bool {
	return (c.Expires.IsZero() || now.Before(c.Expires)) && (c.revoked == nil || !c.revoked.Load())
}
