// Package oidctest is for tests. It alone knows how to have a real OpenID
// provider on this machine, and people who sign in to it.
package oidctest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io/fs"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// What tokens are for.
const (
	Audience = "urn:statusd" // of access tokens
	ClientID = "front-end"   // the audience of ID tokens
)

// patience is how long a provider may take to start: a busy machine takes
// seconds.
const patience = 30 * time.Second

// Provider is an OpenID provider. See [Start].
type Provider struct {
	Issuer string

	t        testing.TB
	port     string
	keys     []jose.JSONWebKey // the first one signs
	lasts    time.Duration
	requests string // the file that the provider writes them to
	stop     func() // nil while it is away
}

// Start starts a provider whose tokens last so long. It ends with the test, or
// with this process. A test that can't have one fails: it is never skipped.
func Start(t testing.TB, lasts time.Duration) *Provider {
	t.Helper()
	p := &Provider{
		t: t, keys: []jose.JSONWebKey{newKey(t)}, lasts: lasts,
		requests: filepath.Join(t.TempDir(), "requests"),
	}
	t.Cleanup(p.Stop)
	// A port that is free now may be another one's a moment later: packages are
	// tested side by side.
	var err error
	for range 5 {
		p.port = freePort(t)
		p.Issuer = "http://127.0.0.1:" + p.port
		if err = p.resume(); err == nil || !strings.Contains(err.Error(), "EADDRINUSE") {
			break
		}
	}
	require.NoError(t, err)
	return p
}

// freePort returns a port below those that systems hand out by themselves, so
// that nobody is given it while the provider is away.
func freePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20000 + mathrand.IntN(10000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
	require.FailNow(t, "there is no free port")
	return ""
}

func newKey(t testing.TB) jose.JSONWebKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return jose.JSONWebKey{Key: key, KeyID: rand.Text()[:8], Algorithm: "RS256", Use: "sig"}
}

// Resume starts the provider that was stopped, at the same address.
func (p *Provider) Resume() {
	p.t.Helper()
	require.NoError(p.t, p.resume())
}

func (p *Provider) resume() error {
	settings, err := json.Marshal(map[string]any{
		"jwks": map[string]any{"keys": p.keys}, "audience": Audience, "lasts": int(p.lasts.Seconds()),
		"requests": p.requests,
	})
	if err != nil {
		return err
	}
	_, here, _, _ := runtime.Caller(0)
	here = filepath.Dir(here)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p.stop, err = launch(ctx, filepath.Join(here, "..", "..", ".tools", "oidc-provider"),
		"node", filepath.Join(here, "provider.mjs"), p.port, string(settings))
	return err
}

// Stop ends the provider.
func (p *Provider) Stop() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

// Rotate has the provider sign by a new key; the old one is published on if it
// is kept.
func (p *Provider) Rotate(keep bool) {
	p.t.Helper()
	p.Stop()
	fresh := newKey(p.t)
	if keep {
		p.keys = append([]jose.JSONWebKey{fresh}, p.keys...)
	} else {
		p.keys = []jose.JSONWebKey{fresh}
	}
	p.Resume()
}

// Requests counts by path what the provider has been asked for, also before it
// was stopped or changed its key.
func (p *Provider) Requests() map[string]int {
	p.t.Helper()
	paths, err := os.ReadFile(p.requests)
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(p.t, err)
	}
	counts := make(map[string]int)
	for path := range strings.FieldsSeq(string(paths)) {
		counts[path]++
	}
	return counts
}
