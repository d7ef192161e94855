package web_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/auth"
)

// guarded starts a service that has people sign in.
func guarded(t *testing.T) *service {
	t.Helper()
	return start(t, func(s *service) {
		s.auth, s.keys = auth.New(nil), []byte(auth.NewKey(time.Now()))
		require.NoError(t, s.auth.SetKeys(s.keys))
		token, line, err := auth.NewToken(auth.TokenLine{Name: "root", Scope: "admin"})
		require.NoError(t, err)
		text, err := json.Marshal(line)
		require.NoError(t, err)
		require.NoError(t, s.auth.SetTokens(text))
		s.root = token
	})
}

// issue signs a token.
func (s *service) issue(g auth.Grant, lasts time.Duration) string {
	s.t.Helper()
	g.Expires = time.Now().Add(lasts)
	token, err := auth.Issue(s.keys, g, time.Now())
	require.NoError(s.t, err)
	return token
}

// types types as people do.
func (b *tab) types(selector, keys string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.SendKeys(selector, keys)))
}

// visit goes to another page in the same tab.
func (b *tab) visit(url string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.Navigate(url)))
	b.eval("window.loaded = true")
}

// told requires that no address and no referrer has held a token.
func (s *service) told(tokens ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, said := range s.said {
		for _, token := range tokens {
			require.NotContains(s.t, said, token)
		}
	}
}

func TestSomebodySignsInSeesTheirJobsAndSignsOut(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	s.report("bert-17", "status", "started", "owner", "alice")
	s.report("bert-18", "status", "started", "owner", "bob")
	alice := s.issue(auth.Grant{Scope: auth.Read, Bound: auth.Bound{Owner: "alice"}}, time.Hour)
	b := open(t, s.url)
	b.reads("#signIn h1", "Sign in")
	require.Empty(t, b.text("#filters"))
	require.Equal(t, "token", b.eval("document.activeElement.id"), "one may type at once")
	b.shoot("sign-in")

	b.types("#token", "nonsense"+kb.Enter)
	b.reads("#refusal", "not accepted")
	b.shoot("sign-in-refused")
	b.eval(`(token.value = "")`)
	b.types("#token", "令牌"+kb.Enter)
	b.reads("#refusal", "no token")
	b.eval(`(token.value = "")`)
	b.types("#token", alice+kb.Enter)
	b.reads("#rows", "bert-17")
	require.NotContains(t, b.text("#rows"), "bert-18")
	b.reads("#who", "alice")
	b.stayed()
	require.Empty(t, b.eval("document.cookie"), "scripts can't read it")
	b.shoot("signed-in")

	b.visit(s.url + "/jobs/bert-17")
	b.reads("#verdict", "Started")
	b.waits("a stream", func() bool { return s.watching("stream") == "1" })
	s.report("bert-17", "status", "in-progress", "progress", "3/10")
	b.reads("#percent", "30%")
	b.stayed()
	b.visit(s.url + "/jobs/bert-18")
	b.reads("#verdict", "Waiting for the first report")

	b.click("#signOut")
	b.reads("#signIn h1", "Sign in")
	b.visit(s.url + "/jobs/bert-17")
	b.reads("#signIn h1", "Sign in")
	require.NotContains(t, b.text("body"), "Started")
	s.told(alice)
}

func TestALinkSharesOneJobAndNothingElse(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	s.report("bert-17", "status", "started", "owner", "alice")
	s.report("bert-18", "status", "started", "owner", "alice")
	share := s.issue(auth.Grant{Scope: auth.Read, Bound: auth.Bound{Job: "bert-17"}, Share: true}, time.Hour)
	b := open(t, s.url+"/jobs/bert-17#token="+share)
	b.reads("#verdict", "Started")
	b.reads("#who", "shared with you")
	b.waits("a stream", func() bool { return s.watching("stream") == "1" })
	b.shoot("shared")
	s.report("bert-17", "status", "in-progress", "progress", "1/4")
	b.reads("#percent", "25%")
	b.stayed()

	b.visit(s.url + "/jobs/bert-18#token=" + share)
	b.reads("#verdict", "Waiting for the first report")
	b.visit(s.url + "/jobs/bert-17")
	b.reads("#signIn h1", "Sign in")
	b.visit(s.url)
	b.reads("#signIn h1", "Sign in")
	s.told(share)
}

func TestALinkDoesNotReplaceASignIn(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	s.report("bert-17", "status", "started", "owner", "alice")
	s.report("bert-18", "status", "started", "owner", "bob")
	share := func(job string) string {
		return s.url + "/jobs/" + job + "#token=" + s.issue(auth.Grant{Scope: auth.Read, Bound: auth.Bound{Job: job}, Share: true}, time.Hour)
	}
	b := open(t, s.url)
	b.reads("#signIn h1", "Sign in")
	b.types("#token", s.issue(auth.Grant{Scope: auth.Read, Bound: auth.Bound{Owner: "alice"}}, time.Hour)+kb.Enter)
	b.reads("#rows", "bert-17")
	b.visit(share("bert-18"))
	b.reads("#verdict", "Started")
	b.reads("#who", "shared with you")
	b.visit(share("bert-17"))
	b.reads("#verdict", "Started")
	b.reads("#who", "alice")
	b.visit(s.url)
	b.reads("#rows", "bert-17")
	require.NotContains(t, b.text("#rows"), "bert-18")
}

func TestALinkThatEndsSaysSo(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	s.report("bert-17", "status", "started")
	b := open(t, s.url+"/jobs/bert-17#token="+s.issue(auth.Grant{Scope: auth.Read, Bound: auth.Bound{Job: "bert-17"}, Share: true}, 4*time.Second))
	b.reads("#verdict", "Started")
	b.reads("#refusal", "no longer good")
	require.Empty(t, b.text("#verdict"), "what it showed is gone")
	b.shoot("link-ended")
	b.types("#token", s.root+kb.Enter)
	b.reads("#verdict", "Started")
	require.NotContains(t, b.eval("location.href"), "token")
}

func TestWhoMayNotListAllIsToldWhatToAskFor(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	s.report("bert-17", "status", "started", "owner", "alice")
	b := open(t, s.url)
	b.reads("#signIn h1", "Sign in")
	b.types("#token", s.issue(auth.Grant{Scope: auth.Read, Bound: auth.Bound{Prefix: "bert-"}}, time.Hour)+kb.Enter)
	b.reads("#banner", "name an owner")
	b.reads("#link", "live")
	b.shoot("board-not-all")
	b.types("[name=owner]", "alice"+kb.Enter)
	b.reads("#rows", "bert-17")
	require.Equal(t, "1", strings.TrimSpace(b.text("#counts .of-running strong")))
	b.visit(s.url + "/?request_id=bert-17")
	b.reads("#rows", "bert-17")
	require.Empty(t, b.text("#banner"))
}
