package oidctest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	clientSecret = "a secret of tests alone, of no use"
	callback     = "http://127.0.0.1/callback"
)

// SignIn has somebody sign in, and returns the tokens that a front end gets for
// them: to call others by, and of who they are. The scope groups has the latter
// name the groups that they are in.
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
	require.NotEmpty(p.t, back.Query().Get("code"), back)
	return p.tokens(url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {callback},
		"code_verifier": {verifier},
	})
}

// ServiceToken returns a token that a program gets for itself: it is of nobody
// else, and its subject is [ClientID].
func (p *Provider) ServiceToken(scopes ...string) string {
	p.t.Helper()
	access, _ := p.tokens(url.Values{"grant_type": {"client_credentials"}, "scope": {strings.Join(scopes, " ")}})
	return access
}

// tokens has the client exchange what it has for tokens.
func (p *Provider) tokens(asked url.Values) (access, id string) {
	p.t.Helper()
	asked.Set("client_id", ClientID)
	asked.Set("client_secret", clientSecret)
	asked.Set("resource", Audience)
	answer, err := http.PostForm(p.Issuer+"/token", asked)
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

func read(t testing.TB, answer *http.Response) string {
	t.Helper()
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(body)
}
