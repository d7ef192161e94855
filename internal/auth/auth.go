package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// Why a token is not accepted. Each is met by errors.Is.
var (
	ErrInvalid = errors.New("it is none that is accepted here")
	ErrExpired = errors.New("it has come to its end")
	// ErrUnavailable: it can't be told now. Showing it again is the thing to do.
	ErrUnavailable = errors.New("the identity provider does not answer")
)

const (
	// tokenMost is how many bytes a token has at most.
	tokenMost = 16 << 10
	// keptMost is how many tokens are remembered that were checked.
	keptMost = 20000
)

// Authenticator tells what tokens are good for. See [New].
type Authenticator struct {
	clock    func() time.Time
	provider *provider // nil if there is none

	mu     sync.RWMutex
	tokens tokens
	keys   keys

	// checked are the signed tokens that were found good: that costs more than
	// all the rest of a read.
	checked *otter.Cache[digest, *Credential]
}

// New returns an Authenticator that accepts no token, but those of the identity
// provider, if there is one. See SetTokens and SetKeys.
func New(p *ProviderConfig) *Authenticator {
	a := &Authenticator{
		clock:   time.Now,
		checked: otter.Must(&otter.Options[digest, *Credential]{MaximumSize: keptMost}),
	}
	if p != nil {
		a.provider = newProvider(*p)
	}
	return a
}

// Check returns what a token is good for. ErrInvalid, ErrExpired,
// ErrUnavailable, or the context's error.
func (a *Authenticator) Check(ctx context.Context, token string) (*Credential, error) {
	if token == "" || len(token) > tokenMost {
		return nil, ErrInvalid
	}
	d := digest(sha256.Sum256([]byte(token)))
	a.mu.RLock()
	line := a.tokens.find(d)
	a.mu.RUnlock()
	var found *Credential
	if line != nil {
		found = line.credential
	} else {
		found, _ = a.checked.GetIfPresent(d)
	}
	if found == nil {
		var err error
		if found, err = a.verify(ctx, token); err != nil {
			return nil, err
		}
		if found.Valid(a.clock()) {
			a.checked.Set(d, found)
		}
	}
	switch {
	case found.Valid(a.clock()):
		return found, nil
	case found.revoked != nil && found.revoked.Load():
		a.checked.Invalidate(d)
		return nil, ErrInvalid
	}
	a.checked.Invalidate(d)
	return nil, ErrExpired
}

// verify checks a token's signature, by whoever says that it has signed it.
func (a *Authenticator) verify(ctx context.Context, token string) (*Credential, error) {
	switch kind, ok := typeOf(token); {
	case !ok:
		return nil, ErrInvalid
	case kind == ours:
		return a.signed(token)
	case a.provider != nil:
		return a.provider.verify(ctx, token)
	}
	return nil, ErrInvalid
}

// typeOf reads the type from the header of a token that is signed, before
// anything of it is believed.
func typeOf(token string) (kind string, ok bool) {
	header, _, ok := strings.Cut(token, ".")
	if !ok {
		return "", false
	}
	text, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return "", false
	}
	var h struct {
		Type string `json:"typ"`
	}
	err = json.Unmarshal(text, &h)
	return h.Type, err == nil
}
