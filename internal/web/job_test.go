package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAJobIsFollowedThroughItsLifeWithoutReload(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := open(t, s.url+"/jobs/bert-17")
	b.reads("#verdict", "Waiting for the first report")
	require.Equal(t, "… bert-17", b.eval("document.title"))
	b.shoot("job-waiting")

	s.report("bert-17", "status", "started", "owner", "vision", "report_every", "60")
	b.reads("#verdict", "Started")
	b.reads("#facts", "owner vision · reports every 1 min")
	require.Equal(t, "▶ bert-17", b.eval("document.title"))
	require.Equal(t, "Started", b.text("#track [aria-current=step] b"))
	b.shoot("job-started")

	time.Sleep(1100 * time.Millisecond) // a time that can be told
	s.report("bert-17", "status", "in-progress", "progress", "1/10")
	b.reads("#percent", "10%")
	require.Regexp(t, `^[1-9] s$`, b.text("#track li:first-child span"))
	time.Sleep(time.Second)
	s.report("bert-17", "status", "in-progress", "progress", "3/10", "message", "loss 0.31",
		"metadata.logs", "https://logs.example.com/bert-17?a=1&b=2", "metadata.commit", "4f2a9c1")
	b.reads("#percent", "30%")
	b.reads("#count", "3 of 10")
	b.reads("#eta", "left, until")
	b.reads("#message", "loss 0.31")
	require.Equal(t, "30", b.eval("meter.value"))
	require.Equal(t, "30%, 3 of 10", b.eval(`meter.getAttribute("aria-valuetext")`))
	require.Equal(t, "▶ 30% bert-17", b.eval("document.title"))
	require.Equal(t, "https://logs.example.com/bert-17?a=1&b=2", b.eval(`document.querySelector("#pairs a").href`))
	require.Contains(t, b.text("#pairs"), "4f2a9c1")
	require.Equal(t, "bert-17: In progress, attempt 1", b.eval("said.textContent"), "a screen reader is told of the status, not of each second")
	b.reads("#heard", "seconds ago")
	b.shoot("job-in-progress")

	s.report("bert-17", "status", "success")
	b.reads("#verdict", "Success")
	b.reads("#track .success span", "in ")
	require.Equal(t, "100%", b.text("#percent"))
	require.Empty(t, b.text("#eta"))
	require.Equal(t, "✓ bert-17", b.eval("document.title"))
	require.Contains(t, b.eval("icon.href"), "icon-success.svg")
	b.reads("#link", "over")
	b.shoot("job-success")
	b.stayed()
}

func TestAFailureIsExplainedAndTheNextAttemptComesAlive(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.report("resnet-5", "status", "started")
	s.report("resnet-5", "status", "in-progress", "progress", "42%")
	b := open(t, s.url+"/jobs/resnet-5")
	b.reads("#percent", "42%")
	s.report("resnet-5", "status", "fail", "error_code", "OOM", "exit_code", "137", "error_message", "CUDA out of memory.\nTried to allocate 2.00 GiB")
	b.reads("#verdict", "Failed")
	b.reads("#errorTitle", "OOM · exit code 137")
	b.reads("#errorMessage", "Tried to allocate")
	b.reads("#track .fail b", "Failed")
	require.Equal(t, "✕ resnet-5", b.eval("document.title"))
	b.shoot("job-failed")

	s.report("resnet-5", "status", "started", "attempt", "2")
	b.reads("#verdict", "Started") // it looks again now and then
	b.gone("#error")
	b.reads("#facts", "attempt 2")
	b.reads("#earlier", "1 earlier attempt")
	require.Equal(t, "false", b.eval("earlier.open"))
	b.click("#earlierTitle")
	b.reads("#earlierList", "Attempt 1")
	b.reads("#earlierList", "exit code 137")
	b.shoot("job-attempt-2")
	b.stayed()
}

func TestSilenceIsShownWithoutAWrite(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *service) { s.silence.LateAfter, s.silence.StaleAfter = 4*time.Second, 12*time.Second })
	b := open(t, s.url+"/jobs/quiet")
	s.report("quiet", "status", "in-progress", "progress", "7/20", "message", "loading shards")
	b.reads("#heard", "updated")
	b.waits("late", func() bool { return b.eval("job.dataset.look") == "late" })
	require.Equal(t, "! 35% quiet", b.eval("document.title"))
	require.Contains(t, b.text("#heard"), "updated")
	b.shoot("job-late")
	b.reads("#heard", "no report for ")
	require.Equal(t, "stale", b.eval("job.dataset.look"))
	require.Equal(t, "In progress", b.text("#verdict"), "it is no failure")
	require.Equal(t, "35", b.eval("meter.value"))
	require.Equal(t, "quiet: In progress, attempt 1, stale", b.eval("said.textContent"))
	b.shoot("job-stale")

	s.report("quiet", "status", "in-progress", "progress", "8/20")
	b.reads("#percent", "40%")
	require.Equal(t, "running", b.eval("job.dataset.look"))
	b.stayed()
}

func TestAJobThatReportsWithoutProgressIsStalled(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *service) { s.silence.StalledAfter = time.Second })
	b := open(t, s.url+"/jobs/stuck")
	s.stall("stuck")
	b.reads("#heard", "stalled: no progress for ")
	require.Equal(t, "stalled", b.eval("job.dataset.look"))
	require.Equal(t, "In progress", b.text("#verdict"), "it is no failure")
	require.Equal(t, "‖ 30% stuck", b.eval("document.title"))
	require.Contains(t, b.eval("icon.href"), "icon-stalled.svg")
	require.Equal(t, "stuck: In progress, attempt 1, stalled", b.eval("said.textContent"))
	b.shoot("job-stalled")
	s.report("stuck", "status", "in-progress", "progress", "4/10 epochs")
	b.reads("#heard", "updated")
	require.Equal(t, "running", b.eval("job.dataset.look"))
	b.stayed()
}

func TestAPageThatLosesTheServiceSaysSoAndComesBack(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.report("a", "status", "started")
	b := open(t, s.url+"/jobs/a")
	b.reads("#link", "live")
	s.stop()
	b.reads("#banner", "Disconnected. It can't be reached. Trying again; below is what was known last.")
	require.Equal(t, "⚠ a", b.eval("document.title"))
	require.Equal(t, "Started", b.text("#verdict"), "what is known stays")
	b.shoot("job-disconnected")
	s.serve(strings.TrimPrefix(s.url, "http://"))
	s.report("a", "status", "success")
	b.reads("#verdict", "Success")
	b.gone("#banner")
	b.stayed()
}

func TestWhereStreamsAreCutThePagePollsForLong(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.cut.Store(true)
	s.report("a", "status", "started")
	b := open(t, s.url+"/jobs/a")
	b.waits("a long poll", func() bool { return s.asked("/status/a?wait") > 0 })
	began := time.Now()
	s.report("a", "status", "in-progress", "progress", "1/2")
	b.reads("#percent", "50%")
	require.Less(t, time.Since(began), 5*time.Second, "at once, as far as a busy machine can")
	require.Less(t, s.asked("/status/a/events"), 4)
	require.Equal(t, "live", b.text("#link"))
	b.stayed()
}

func TestADeletedJobIsWaitedForAgain(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.report("a", "status", "in-progress", "progress", "1/2", "message", "half", "metadata.k", "v")
	b := open(t, s.url+"/jobs/a")
	b.reads("#percent", "50%")
	s.delete("a")
	b.reads("#verdict", "Waiting for the first report")
	for _, part := range []string{"#progress", "#message", "#metadata", "#attempts", "#facts"} {
		b.gone(part)
	}
	s.report("a", "status", "started")
	b.reads("#verdict", "Started")
	b.stayed()
}

func TestAHiddenPageClosesItsStreamAndKeepsItsTitle(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.report("a", "status", "started")
	b := open(t, s.url+"/jobs/a")
	b.waits("a stream", func() bool { return s.watching("stream") == "1" })
	hide := func(hidden string) {
		b.eval(`Object.defineProperty(document, "hidden", {value: ` + hidden + `, configurable: true}) && document.dispatchEvent(new Event("visibilitychange"))`)
	}
	hide("true")
	b.waits("no stream", func() bool { return s.watching("stream") == "0" })
	b.reads("#link", "paused")
	s.report("a", "status", "in-progress", "progress", "1/2")
	b.waits("the title", func() bool { return b.eval("document.title") == "▶ 50% a" })
	require.Equal(t, "0", s.watching("stream"))
	hide("false")
	b.waits("a stream", func() bool { return s.watching("stream") == "1" })
	b.reads("#link", "live")
}

// hostile is in every text of a job.
const hostile = `"><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'` + "\u202e" + `javascript:alert(1)`

func TestNothingInAJobIsMoreThanText(t *testing.T) {
	t.Parallel()
	s := start(t)
	long := strings.Repeat("W", 500)
	s.report("a", "status", "started", "owner", hostile)
	s.report("a", "status", "fail", "progress", "3/10 "+hostile[:20], "message", hostile+long,
		"error_code", hostile, "error_message", hostile+long, "metadata."+hostile[:40], hostile,
		"metadata.link", "javascript:window.pwned=1", "metadata.other", "https://x.example/"+`"><img src=x onerror=alert(1)>`)
	s.report("a", "status", "started", "attempt", "2", "message", hostile)
	b := open(t, s.url+"/jobs/a")
	b.reads("#message", hostile)
	b.reads("#facts", "onerror")
	require.Equal(t, "0", b.eval(`document.querySelectorAll("main img, main script").length`))
	s.report("a", "status", "fail", "attempt", "2", "error_code", hostile, "error_message", hostile+long, "metadata."+hostile[:40], hostile,
		"metadata.link", "javascript:window.pwned=1", "metadata.file", "file:///etc/passwd", "metadata.logs", `HTTPS://logs.example/"><img`)
	b.reads("#errorMessage", hostile)
	b.reads("#pairs", "javascript:window.pwned=1")
	require.Equal(t, "1", b.eval(`document.querySelectorAll("#pairs a").length`), "of the web alone")
	require.Equal(t, "noopener noreferrer", b.eval(`document.querySelector("#pairs a").rel`))
	b.shoot("job-hostile")

	board := open(t, s.url+"/")
	board.reads("#rows", "onerror")
	board.shoot("board-hostile")
	for _, page := range []*tab{b, board} {
		require.Equal(t, "0", page.eval(`document.querySelectorAll("main img, main script").length`))
		require.Equal(t, "undefined", page.eval("typeof window.pwned"))
	}
}

func TestABadIDIsExplained(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := open(t, s.url+"/jobs/a%20b")
	b.reads("#banner", "request_id")
	b.reads("#id", "a b")
}

func TestNothingMovesForThoseWhoAskForLessMotion(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.report("a", "status", "started")
	b := open(t, s.url+"/jobs/a", "prefers-reduced-motion", "reduce")
	b.reads("#verdict", "Started")
	const animations = "document.getAnimations().length"
	require.Equal(t, "0", b.eval(animations))
	b.prefer("prefers-reduced-motion", "no-preference")
	require.Equal(t, "1", b.eval(animations), "the job's sign of life; not its progress")
}
