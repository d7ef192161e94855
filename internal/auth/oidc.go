package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/statusd/statusd/internal/model"
)

const (
	// providerTimeout is how long the provider may take to answer.
	providerTimeout = 5 * time.Second
	// providerAge is for how long what it has told of itself, and its keys, are
	// believed: a key that it takes back is out of use after that.
	providerAge = time.Hour
	// providerBytes is how much it may answer.
	providerBytes = 1 << 20
	// scopePrefix begins our scopes among those of others.
	scopePrefix = "statusd:"
)

// ProviderConfig is what is to be known of an identity provider (OpenID
// Connect). All of it has to be given.
type ProviderConfig struct {
	Issuer     string // URL
	Audience   string // for whom its tokens have to be
	OwnerClaim string // whose jobs somebody may see
	ScopeClaim string // what else they may do: statusd:read, statusd:write, statusd:admin
}

// algorithms are those whose keys can be published.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// provider checks the tokens of an identity provider.
type provider struct {
	config  ProviderConfig
	client  *http.Client
	flights singleflight.Group

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier // nil until the provider has answered
	since    time.Time
}

func newProvider(c ProviderConfig) *provider {
	return &provider{config: c, client: &http.Client{
		Timeout: providerTimeout,
		// Whoever makes up tokens of keys that nobody knows has them asked for
		// this often, and no oftener.
		Transport: &seldom{rate.NewLimiter(rate.Every(2*time.Second), 4)},
	}}
}

// seldom bounds how often a server is asked, and how much it may answer.
type seldom struct{ limit *rate.Limiter }

func (s *seldom) RoundTrip(r *http.Request) (*http.Response, error) {
	if !s.limit.Allow() {
		return nil, errors.New("it was asked too often lately")
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, providerBytes)
	}
	return answer, err
}

// verify checks a token, and tells what it is good for.
func (p *provider) verify(ctx context.Context, token string) (*Credential, error) {
	verifier, err := p.known(ctx)
	if err != nil {
		return nil, err
	}
	fetched := error(nil)
	verified, err := verifier.Verify(context.WithValue(ctx, fetching{}, &fetched), token)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case fetched != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, fetched)
	case errors.As(err, new(*oidc.TokenExpiredError)):
		return nil, ErrExpired
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	said := make(map[string]any)
	if err := verified.Claims(&said); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return p.credential(verified, said)
}

// credential is what the claims of a token amount to. A person sees their own
// jobs, and an administrator all of them.
func (p *provider) credential(token *oidc.IDToken, said map[string]any) (*Credential, error) {
	c := &Credential{Scope: Read, Expires: token.Expiry}
	for _, word := range words(claim(said, p.config.ScopeClaim)) {
		if name, ok := strings.CutPrefix(word, scopePrefix); ok {
			if scope, err := ParseScope(name); err == nil {
				c.Scope = max(c.Scope, scope)
			}
		}
	}
	owner, _ := claim(said, p.config.OwnerClaim).(string)
	if verified, told := said["email_verified"].(bool); p.config.OwnerClaim == "email" && told && !verified {
		owner = "" // anybody can say that
	}
	if model.ValidateOwner(owner) != nil {
		if c.Scope < Admin {
			return nil, fmt.Errorf("%w: its claim %s names no owner", ErrInvalid, p.config.OwnerClaim)
		}
		owner = token.Subject
	}
	c.Name = "user:" + owner
	if c.Scope < Admin {
		c.Bound.Owner = owner
	}
	return c, nil
}

// claim finds a claim by its name, or by a path with dots: providers nest them.
func claim(said map[string]any, name string) any {
	if value, ok := said[name]; ok {
		return value
	}
	first, rest, ok := strings.Cut(name, ".")
	if inner, is := said[first].(map[string]any); ok && is {
		return claim(inner, rest)
	}
	return nil
}

// words are those of a text, with spaces between, or of a list.
func words(value any) (all []string) {
	switch v := value.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		for _, one := range v {
			if text, ok := one.(string); ok {
				all = append(all, text)
			}
		}
	}
	return all
}

// known returns what the provider has told of itself. If that is old it is
// asked again, and what is known holds meanwhile.
func (p *provider) known(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	p.mu.Lock()
	verifier, since := p.verifier, p.since
	p.mu.Unlock()
	if verifier != nil && time.Since(since) < providerAge {
		return verifier, nil
	}
	asked := p.flights.DoChan("", func() (any, error) { return p.discover() })
	if verifier != nil {
		return verifier, nil
	}
	select {
	case answer := <-asked:
		if answer.Err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, answer.Err)
		}
		return answer.Val.(*oidc.IDTokenVerifier), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *provider) discover() (*oidc.IDTokenVerifier, error) {
	ctx := oidc.ClientContext(context.Background(), p.client) // which has a time-out
	found, err := oidc.NewProvider(ctx, p.config.Issuer)
	if err != nil {
		return nil, err
	}
	var said struct {
		Keys string `json:"jwks_uri"`
	}
	if err := found.Claims(&said); err != nil {
		return nil, err
	}
	verifier := oidc.NewVerifier(p.config.Issuer, published{oidc.NewRemoteKeySet(ctx, said.Keys)},
		&oidc.Config{ClientID: p.config.Audience, SupportedSigningAlgs: slices.Clone(algorithms)})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.verifier, p.since = verifier, time.Now()
	return verifier, nil
}

// published are the provider's keys. They tell a signature that is wrong from
// keys that could not be fetched, which the verifier does not.
type published struct{ keys *oidc.RemoteKeySet }

// fetching is the context's key of an error to be set.
type fetching struct{}

func (k published) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := k.keys.VerifySignature(ctx, token)
	if err != nil && strings.HasPrefix(err.Error(), "fetching keys") {
		*ctx.Value(fetching{}).(*error) = err
	}
	return payload, err
}
