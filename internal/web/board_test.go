package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rows are the jobs on the board, in their order.
func (b *tab) rows() []string {
	return strings.Split(b.text("#rows th"), "\n")
}

func TestAnEmptyBoardSaysHowToReportTheFirstJob(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := open(t, s.url+"/")
	b.reads("#empty", "No job has reported yet")
	b.reads("#command", "curl -d status=started "+s.url+"/status/my-first-job")
	require.Equal(t, "0 running · statusd", b.eval("document.title"))
	b.shoot("board-empty")
	b.click("#copy")
	b.reads("#copy", "Copied")
	s.report("my-first-job", "status", "started")
	b.reads("#rows", "my-first-job")
	b.gone("#empty")
	b.stayed()
}

func TestTheBoardShowsRunningJobsFirstAndIsKeptFresh(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.report("runs-long", "status", "in-progress", "progress", "3/10 epochs", "message", "loss 0.31", "owner", "vision")
	s.report("failed", "status", "fail", "error_code", "OOM", "error_message", "CUDA out of memory", "owner", "speech")
	s.report("done", "status", "success", "owner", "vision")
	b := open(t, s.url+"/")
	b.reads("#rows", "runs-long")
	require.Equal(t, []string{"runs-long", "done", "failed"}, b.rows())
	require.Contains(t, b.text("#rows"), "30% · 3 of 10 epochs")
	require.Contains(t, b.text("#rows"), "OOM: CUDA out of memory")
	require.Equal(t, []string{"1", "live", "0", "stalled", "0", "late", "0", "stale"}, strings.Fields(b.text("#counts")))
	b.shoot("board")

	b.eval(`document.querySelector("#rows a").focus()`)
	s.report("runs-long", "status", "in-progress", "progress", "4/10 epochs")
	s.report("new", "status", "started")
	b.reads("#rows", "40%")
	require.Equal(t, []string{"new", "runs-long", "done", "failed"}, b.rows())
	require.Equal(t, "runs-long", b.eval("document.activeElement.textContent"), "who walks with the keyboard is not thrown out")
	s.report("runs-long", "status", "success")
	b.waits("the end", func() bool { return b.rows()[1] == "runs-long" && strings.Contains(b.text("#rows"), "✓ Success") })
	require.Equal(t, []string{"new", "runs-long", "done", "failed"}, b.rows())
	s.delete("done")
	b.waits("the delete", func() bool { return len(b.rows()) == 3 })
	b.stayed()
}

func TestTheBoardIsFilteredByWhatTheAddressSays(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *service) { s.silence.LateAfter, s.silence.StaleAfter = 2*time.Second, time.Hour })
	s.report("quiet", "status", "started", "owner", "vision")
	s.report("talks", "status", "started", "report_every", "1000", "owner", "speech")
	s.report("failed", "status", "fail", "owner", "vision")
	b := open(t, s.url+"/?owner=vision")
	b.reads("#rows", "quiet")
	require.Equal(t, []string{"quiet", "failed"}, b.rows())
	require.Equal(t, "vision", b.eval("document.forms[0].owner.value"))

	b.click("[value=fail]")
	b.waits("failed alone", func() bool { return fmt.Sprint(b.rows()) == "[failed]" })
	require.Equal(t, "?status=fail&owner=vision", b.eval("location.search"))
	b.eval("history.back()")
	b.waits("the filter before", func() bool { return fmt.Sprint(b.rows()) == "[quiet failed]" })
	require.Equal(t, "false", b.eval(`document.querySelector("[value=fail]").checked`))

	b.waits("the count of late jobs", func() bool { return b.text("#counts .of-late strong") == "1" })
	b.click("#counts .of-late")
	b.waits("late alone", func() bool { return fmt.Sprint(b.rows()) == "[quiet]" })
	require.Contains(t, b.text("#rows"), "! Started, late")
	b.shoot("board-late")

	b.click("#reset")
	b.waits("all", func() bool { return len(b.rows()) == 3 })
	b.eval(`(document.forms[0].request_id.value = "talks nobody", document.forms[0].requestSubmit())`)
	b.waits("talks alone", func() bool { return fmt.Sprint(b.rows()) == "[talks]" })
	b.reads("#nothing", "There is no job nobody.")
	b.eval(`(reset.click(), document.forms[0].owner.value = "nobody", document.forms[0].requestSubmit())`)
	b.reads("#nothing", "No job is like that.")
	b.stayed()
}

func TestAStalledJobIsCountedAndFoundOnTheBoard(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *service) { s.silence.StalledAfter = time.Second })
	s.report("goes-on", "status", "in-progress", "progress", "1/2")
	s.stall("stuck")
	b := open(t, s.url+"/")
	b.reads("#counts .of-stalled strong", "1")
	b.reads("#rows", "‖ In progress, stalled")
	b.reads("#rows [data-look=stalled]", "no progress for ")
	require.Equal(t, "‖ 1 stalled, 2 running · statusd", b.eval("document.title"))
	require.Contains(t, b.eval("icon.href"), "icon-stalled.svg")
	b.shoot("board-stalled")
	b.click("#counts .of-stalled")
	b.waits("stuck alone", func() bool { return fmt.Sprint(b.rows()) == "[stuck]" })
	require.Equal(t, "stalled", b.eval("document.forms[0].liveness.value"))
	b.shoot("board-stalled-alone")

	s.report("stuck", "status", "in-progress", "progress", "4/10")
	b.reads("#nothing", "No job is like that.")
	b.waits("the count", func() bool { return b.eval("document.title") == "2 running · statusd" })
	b.stayed()
}

func TestTwoHundredJobsArePaged(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i := range 140 {
		s.report(fmt.Sprintf("over-%03d", i), "status", []string{"success", "fail"}[i%2])
		time.Sleep(2 * time.Millisecond) // else two may have the same timestamp
	}
	for i := range 60 {
		s.report(fmt.Sprintf("runs-%03d", i), "status", "in-progress", "progress", fmt.Sprintf("%d/60 epochs", i), "owner", "vision", "message", "loss 0.31")
		time.Sleep(2 * time.Millisecond)
	}
	b := open(t, s.url+"/")
	b.waits("100 rows", func() bool { return len(b.rows()) == 100 })
	rows := b.rows()
	require.Equal(t, []string{"runs-059", "runs-000", "over-139", "over-100"}, []string{rows[0], rows[59], rows[60], rows[99]})
	require.Equal(t, "60", b.text("#counts a:first-child strong"))
	b.shoot("board-200")
	b.click("#next")
	b.waits("the rest", func() bool { return b.rows()[0] == "over-099" })
	require.Equal(t, "over-000", b.rows()[99])
	require.Empty(t, b.text("#next"))
	b.click("#first")
	b.waits("the first page", func() bool { return b.rows()[0] == "runs-059" })
	b.stayed()
}

func TestABoardThatLosesTheServiceSaysSoAndComesBack(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.report("a", "status", "started")
	b := open(t, s.url+"/")
	b.reads("#rows", "a")
	s.stop()
	b.reads("#banner", "Disconnected. It can't be reached.")
	b.reads("#rows", "a")
	s.serve(strings.TrimPrefix(s.url, "http://"))
	b.gone("#banner")
	b.stayed()
}

func TestABoardWhoseAddressIsWrongIsExplained(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := open(t, s.url+"/?liveness=dead")
	b.reads("#banner", "liveness must be one of live, stalled, late, stale")
}
