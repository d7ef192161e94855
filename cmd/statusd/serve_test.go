package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/config"
)

func TestAJobLivesFromItsStartToItsDeletion(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	s.do(http.StatusNotFound, "GET", "/status/bert-17", "")
	s.do(http.StatusCreated, "POST", "/status/bert-17", `{"status": "started"}`)
	r := s.do(http.StatusOK, "POST", "/status/bert-17", `{"status": "in-progress", "progress": {"current": 3, "total": 10}}`).record(t)
	require.EqualValues(t, 3, r.Progress.Current)
	s.do(http.StatusOK, "POST", "/status/bert-17", `{"status": "success"}`)
	s.do(http.StatusConflict, "POST", "/status/bert-17", `{"status": "fail"}`)
	r = s.do(http.StatusOK, "GET", "/status/bert-17", "").record(t)
	require.Equal(t, "success", r.Status)
	require.Len(t, r.History, 3)
	list := s.do(http.StatusOK, "GET", "/status?status=success", "")
	require.Contains(t, string(list.body), `"bert-17"`)
	s.do(http.StatusNoContent, "DELETE", "/status/bert-17", "")
	s.do(http.StatusNotFound, "GET", "/status/bert-17", "")
}

func TestTheStartLineTellsAddressStoreAndVersion(t *testing.T) {
	t.Parallel()
	s := start(t, environment(t))
	for field, want := range map[string]string{"store": "embedded", "table": "status-table", "version": programVersion()} {
		value, ok := s.log.event("serving", field)
		require.True(t, ok)
		require.Equal(t, want, value)
	}
}

func TestOnceToldToStopItIsUnreadyButServesForTheDrainDelay(t *testing.T) {
	t.Parallel()
	s := launch(t, environment(t, "DRAIN_DELAY=1s"))
	s.do(http.StatusOK, "GET", "/readyz", "")
	require.NoError(t, s.process.Signal(terminate))
	s.await("stopping")
	s.do(http.StatusServiceUnavailable, "GET", "/readyz", "")
	s.do(http.StatusCreated, "POST", "/status/job", `{"status": "started"}`)
	require.True(t, s.do(http.StatusOK, "GET", "/status/job", "").closing)
	require.Equal(t, exitOK, s.exit())
}

func TestTheLastLinesOfTheLogAreWritten(t *testing.T) {
	t.Parallel()
	s := launch(t, environment(t))
	s.do(http.StatusCreated, "POST", "/status/job", `{"status": "started"}`)
	require.NoError(t, s.process.Signal(terminate))
	require.Equal(t, exitOK, s.exit())
	require.Contains(t, s.log.String(), `"message":"transition"`)
	require.Contains(t, s.log.String(), "stopped")
}

func TestTheLogIsReadableForPeopleOnRequest(t *testing.T) {
	t.Parallel()
	var lines output
	log, flush := newLog(config.Config{LogLevel: "info", LogFormat: "console"}, &lines)
	log.Info().Str("request_id", "job").Msg("transition")
	log.Debug().Msg("not of interest")
	flush()
	require.Regexp(t, `^\d\d:\d\d:\d\d\.\d{3} INF transition request_id=job\n$`, lines.String())
}

func TestItStartsOnAnExistingFileWithinAFifthOfASecond(t *testing.T) {
	environ := environment(t)
	s := launch(t, environ)
	for _, id := range []string{"a", "b", "c"} {
		s.do(http.StatusCreated, "POST", "/status/"+id, `{"status": "started"}`)
	}
	require.NoError(t, s.process.Signal(terminate))
	require.Equal(t, exitOK, s.exit())

	fastest := time.Hour // other tests use the processors too
	for range 5 {
		began := time.Now()
		s := launch(t, environ)
		s.do(http.StatusOK, "GET", "/status/a", "")
		fastest = min(fastest, time.Since(began))
		require.NoError(t, s.process.Signal(terminate))
		require.Equal(t, exitOK, s.exit())
	}
	t.Logf("started and answered within %s", fastest)
	require.Less(t, fastest, 200*time.Millisecond)
}
