// Package oidctest is for tests. It alone knows how to have a real OpenID
// provider on this machine, and people who sign in to it.
package oidctest

import (
	"bufio"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
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

const (
	clientSecret = "a secret of tests alone, of no use"
	callback     = "http://127.0.0.1/callback"
)

// Provider is an OpenID provider. See [Start].
type Provider struct {
	Issuer string

	t       *testing.T
	port    string
	keys    []jose.JSONWebKey // the first one signs
	lasts   time.Duration
	process *exec.Cmd
}

// Start starts a provider whose tokens last so long. It ends with the test.
func Start(t *testing.T, lasts time.Duration) *Provider {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	p := &Provider{Issuer: "http://127.0.0.1:" + port, t: t, port: port, lasts: lasts}
	p.keys = []jose.JSONWebKey{newKey(t)}
	p.Resume()
	t.Cleanup(p.Stop)
	return p
}

func newKey(t *testing.T) jose.JSONWebKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return jose.JSONWebKey{Key: key, KeyID: rand.Text()[:8], Algorithm: "RS256", Use: "sig"}
}

// Resume starts the provider that was stopped, at the same address.
func (p *Provider) Resume() {
	p.t.Helper()
	settings, err := json.Marshal(map[string]any{
		"jwks": map[string]any{"keys": p.keys}, "audience": Audience, "lasts": int(p.lasts.Seconds()),
	})
	require.NoError(p.t, err)
	_, here, _, _ := runtime.Caller(0)
	here = filepath.Dir(here)
	p.process = exec.Command("node", filepath.Join(here, "provider.mjs"), p.port, string(settings))
	p.process.Dir = filepath.Join(here, "..", "..", ".tools", "oidc-provider")
	p.process.SysProcAttr = endWithParent()
	var complaints strings.Builder
	p.process.Stderr = &complaints
	out, err := p.process.StdoutPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, p.process.Start(), "the OpenID provider takes Node, and what make tools fetches")
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if lines.Text() == "ready" {
				ready <- true
			}
		}
		ready <- false
	}()
	select {
	case ok := <-ready:
		require.True(p.t, ok, "the OpenID provider does not start: is there what make tools fetches? %s", &complaints)
	case <-time.After(30 * time.Second):
		require.FailNow(p.t, "the OpenID provider does not get ready")
	}
}

// Stop ends the provider.
func (p *Provider) Stop() {
	_ = p.process.Process.Kill() // it has ended, where there is nothing to kill
	_ = p.process.Wait()
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

// SignIn has somebody sign in, and returns the tokens that a front end gets for
// them: to call others by, and of who they are.
func (p *Provider) SignIn(name string, scopes ...string) (access, id string) {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(p.t, err)
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	verifier := rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	asked := url.Values{
		"client_id": {ClientID}, "response_type": {"code"}, "redirect_uri": {callback}, "resource": {Audience},
		"scope":          {strings.Join(append([]string{"openid", "email"}, scopes...), " ")},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	answer, err := browser.Get(p.Issuer + "/auth?" + asked.Encode())
	require.NoError(p.t, err)
	for _, form := range []url.Values{{"prompt": {"login"}, "login": {name}, "password": {"any"}}, {"prompt": {"consent"}}} {
		page := read(p.t, answer)
		action := regexp.MustCompile(`action="([^"]+)"`).FindStringSubmatch(page)
		require.NotNil(p.t, action, page)
		answer, err = browser.PostForm(action[1], form)
		require.NoError(p.t, err)
	}
	back, err := answer.Location()
	require.NoError(p.t, err, read(p.t, answer))
	answer, err = http.PostForm(p.Issuer+"/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {callback},
		"client_id": {ClientID}, "client_secret": {clientSecret}, "code_verifier": {verifier}, "resource": {Audience},
	})
	require.NoError(p.t, err)
	var tokens struct {
		Access string `json:"access_token"`
		ID     string `json:"id_token"`
	}
	body := read(p.t, answer)
	require.NoError(p.t, json.Unmarshal([]byte(body), &tokens), body)
	require.NotEmpty(p.t, tokens.Access, body)
	return tokens.Access, tokens.ID
}

func read(t *testing.T, answer *http.Response) string {
	t.Helper()
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(body)
}
