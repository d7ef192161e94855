package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/auth"
)

func TestAJobIsAskedToStopAndTheWorkerSaysWhenItHas(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.report("bert-17", "status", "in-progress", "progress", "3/10 epochs", "message", "loss 0.31")
	b := open(t, s.url+"/jobs/bert-17")
	b.reads("#stop summary", "Ask to stop")
	b.shoot("stop-button")
	b.types("#stop summary", kb.Enter) // all of it without a mouse
	b.reads("#stop", "The worker learns of it with its next report")
	b.types("#reason", "the loss diverges")
	b.shoot("stop-form")
	b.types("#reason", kb.Enter)
	b.reads("#asked", " · the loss diverges")
	b.gone("#stop")
	require.Equal(t, "asked", b.eval("document.activeElement.id"), "the focus is not lost with the form")
	require.Equal(t, "bert-17: In progress, attempt 1, asked to stop", b.eval("said.textContent"))
	require.Equal(t, "In progress", b.text("#verdict"), "it is no status")
	require.Equal(t, 1, s.asked("/status/bert-17/cancel"))
	b.reads("#asked", "seconds ago")
	b.shoot("stop-asked")

	board := open(t, s.url+"/")
	board.reads("#rows small", "asked to stop")
	board.shoot("board-asked")

	s.report("bert-17", "status", "fail", "error_code", "cancelled", "error_message", "stopped after epoch 3")
	b.reads("#verdict", "Cancelled")
	b.reads("#track .cancelled b", "Cancelled")
	b.reads("#now .of-cancelled", "Cancelled")
	b.reads("#asked", "the loss diverges") // why it is
	require.Equal(t, "■ bert-17", b.eval("document.title"))
	require.Contains(t, b.eval("icon.href"), "icon-cancelled.svg")
	b.shoot("job-cancelled")
	board.reads("#rows .pill", "■ Cancelled")
	board.gone("#rows small")
	board.shoot("board-cancelled")
	board.visit(s.url + "/?status=fail")
	board.reads("#rows", "bert-17") // it is no status of its own

	s.report("bert-17", "status", "started", "attempt", "2")
	b.reads("#verdict", "Started")
	b.reads("#stop summary", "Ask to stop")
	require.Empty(t, b.text("#asked, #stop form"))
	b.stayed()
}

func TestAPageAsksForAStopOfTheAttemptThatItShowed(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.report("a", "status", "started", "attempt", "1")
	b := open(t, s.url+"/jobs/a")
	b.click("#stop summary")
	b.reads("#askNow", "Ask it to stop")
	s.report("a", "status", "started", "attempt", "2")
	b.reads("#facts", "attempt 2")
	b.click("#askNow")
	b.reads("#unasked", "Attempt 1 is over, and a later one has begun. Ask again to stop that one.")
	require.Empty(t, b.text("#asked"))
	b.shoot("stop-superseded")
	b.click("#askNow")
	b.reads("#asked", "Asked to stop")
	b.stayed()
}

func TestAStopThatCannotBeAskedForIsExplained(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.report("a", "status", "started")
	b := open(t, s.url+"/jobs/a")
	b.click("#stop summary")
	b.reads("#askNow", "Ask it to stop")
	b.eval(`Object.defineProperty(document, "hidden", {value: true}) && document.dispatchEvent(new Event("visibilitychange"))`)
	b.reads("#link", "paused")
	// From now on it learns nothing but what becomes of the asking.
	b.eval(`window.fetch = ((real) => (url, o) => o.method === "POST" ? real(url, o) : new Promise(() => {}))(fetch)`)
	s.report("a", "status", "success")
	b.click("#askNow")
	b.reads("#unasked", "It is over already.")
	s.delete("a")
	b.click("#askNow")
	b.reads("#unasked", "There is no such job any more.")
	s.stop()
	b.click("#askNow")
	b.reads("#unasked", "It can't be reached.")
	b.stayed()
}

func TestAStopOfAnotherIsShown(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.report("a", "status", "started")
	b := open(t, s.url+"/jobs/a")
	b.click("#stop summary")
	b.reads("#askNow", "Ask it to stop")
	answer := s.send(http.MethodPost, "/status/a/cancel", url.Values{"reason": {hostile}})
	answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	b.reads("#asked", hostile)
	require.Equal(t, "0", b.eval(`document.querySelectorAll("main img, main script").length`))
	b.gone("#stop")
	s.report("a", "status", "success")
	b.reads("#verdict", "Success")
	b.gone("#asked") // it was done before
	b.stayed()
}

func TestOnlyWhoMayWriteIsOfferedToStopAJob(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	s.report("bert-17", "status", "started", "owner", "alice")
	b := open(t, s.url+"/jobs/bert-17#token="+s.issue(auth.Grant{Scope: auth.Read, Bound: auth.Bound{Job: "bert-17"}, Share: true}, time.Hour))
	b.reads("#who", "shared with you")
	b.reads("#verdict", "Started")
	require.Empty(t, b.text("#stop"))

	b.visit(s.url + "/jobs/bert-17")
	b.reads("#signIn h1", "Sign in")
	b.types("#token", s.issue(auth.Grant{Scope: auth.Read, Bound: auth.Bound{Owner: "alice"}}, time.Hour)+kb.Enter)
	b.reads("#who", "alice")
	b.reads("#verdict", "Started")
	require.Empty(t, b.text("#stop"))
	b.eval(`document.body.classList.add("writer")`) // as if it had been offered
	b.click("#stop summary")
	b.click("#askNow")
	b.reads("#unasked", "The credential is not for this. It takes the scope write; this credential has read.")

	b.click("#signOut")
	b.reads("#signIn h1", "Sign in")
	b.types("#token", s.issue(auth.Grant{Scope: auth.Write, Bound: auth.Bound{Prefix: "bert-"}}, time.Hour)+kb.Enter)
	b.click("#stop summary")
	b.click("#askNow")
	b.reads("#asked", "Asked to stop")
}
