package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/statusd/statusd/internal/api"
	"github.com/statusd/statusd/internal/auth"
	"github.com/statusd/statusd/internal/config"
)

// lookEvery is how often files are looked at that may change while they are in
// use. What is new is used when it is the same at the next look: somebody may
// be writing.
var lookEvery = time.Second

// access is who may come in, and by what certificate we are known: all of it
// from files that may change.
type access struct {
	authenticator *auth.Authenticator // nil if no credentials are asked for
	certificate   atomic.Pointer[tls.Certificate]
	files         []*source
}

// source is what is made of some files, and made anew when they change.
type source struct {
	what   string
	paths  []string
	use    func(contents [][]byte) error
	used   [][]byte // or tried
	unused [][]byte // seen at the last look
}

func newAccess(c config.Config) (*access, error) {
	a := new(access)
	if c.Credentials() {
		a.authenticator = auth.New(provider(c))
	}
	if c.Tokens != "" {
		a.from("tokens", func(f [][]byte) error { return a.authenticator.SetTokens(f[0]) }, c.Tokens)
	}
	if c.SigningKeys != "" {
		a.from("signing keys", func(f [][]byte) error { return a.authenticator.SetKeys(f[0]) }, c.SigningKeys)
	}
	if c.TLSCert != "" {
		a.from("certificate", a.setCertificate, c.TLSCert, c.TLSKey)
	}
	for _, s := range a.files {
		contents, err := s.read()
		if err == nil {
			err = s.take(contents)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return a, nil
}

func provider(c config.Config) *auth.ProviderConfig {
	if c.OIDCIssuer == "" {
		return nil
	}
	return &auth.ProviderConfig{
		Issuer: c.OIDCIssuer, Audience: c.OIDCAudience, OwnerClaim: c.OIDCOwnerClaim, ScopeClaim: c.OIDCScopeClaim,
	}
}

func (a *access) from(what string, use func([][]byte) error, paths ...string) {
	a.files = append(a.files, &source{what: what, paths: paths, use: use})
}

func (a *access) setCertificate(files [][]byte) error {
	pair, err := tls.X509KeyPair(files[0], files[1])
	if err == nil {
		a.certificate.Store(&pair)
	}
	return err
}

// auth is nil if no credentials are asked for.
func (a *access) auth() api.Auth {
	if a.authenticator == nil {
		return nil
	}
	return a.authenticator
}

// tls is nil if nothing is said by TLS.
func (a *access) tls() *tls.Config {
	if a.certificate.Load() == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.certificate.Load(), nil },
	}
}

func (s *source) read() ([][]byte, error) {
	contents := make([][]byte, len(s.paths))
	for i, path := range s.paths {
		var err error
		if contents[i], err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return contents, nil
}

// take uses what was read. If it is no good, what was before stays in use.
func (s *source) take(contents [][]byte) error {
	s.used = contents
	if err := s.use(contents); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(s.paths, ", "), err)
	}
	return nil
}

// look takes what has changed, and has stayed so since the last look.
func (s *source) look() (taken bool, err error) {
	contents, err := s.read()
	if err != nil {
		return false, err
	}
	same := func(with [][]byte) bool { return slices.EqualFunc(contents, with, bytes.Equal) }
	if same(s.used) || !same(s.unused) {
		s.unused = contents
		return false, nil
	}
	return true, s.take(contents)
}

// reload looks at the files until the context ends. A file that is away is told
// of once.
func (a *access) reload(ctx context.Context, log zerolog.Logger) {
	away := make(map[*source]bool)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookEvery):
		}
		for _, s := range a.files {
			taken, err := s.look()
			switch {
			case err == nil && taken:
				log.Info().Str("what", s.what).Msg("a file has changed, and is in use")
			case err != nil && (taken || !away[s]):
				log.Error().Err(err).Str("what", s.what).Msg("a file can't be used; what it was before holds")
			}
			away[s] = err != nil && !taken
		}
	}
}
