package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/auth"
)

func TestACancelIsInEveryAnswerUntilTheNextAttempt(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.posted("a", `{"status":"started","attempt":1}`)
	asked := s.do(http.MethodPost, "/status/a/cancel", `{"reason":"too dear"}`, "Content-Type", "application/json")
	require.Equal(t, http.StatusOK, asked.status, asked.body)
	require.Equal(t, "applied", asked.header.Get("Statusd-Outcome"))
	require.Equal(t, "started", asked.json("status"), "it is no status")
	require.Equal(t, "too dear", asked.json("cancel_reason"))
	at := asked.json("cancel_requested_at")
	require.NotEmpty(t, at)

	require.Equal(t, at, s.posted("a", `{"status":"in-progress","attempt":1}`).json("cancel_requested_at"))
	again := s.do(http.MethodPost, "/status/a/cancel", "")
	require.Equal(t, "unchanged", again.header.Get("Statusd-Outcome"))
	require.Equal(t, at, again.json("cancel_requested_at"))
	require.Contains(t, s.get("/status/a", "Accept", "text/plain").body, "asked to stop 0s ago")
	require.Equal(t, at, s.get("/status").json("items").([]any)[0].(map[string]any)["cancel_requested_at"])
	s.posted("a", `{"status":"fail","attempt":1,"error":{"code":"cancelled"}}`)
	over := s.do(http.MethodPost, "/status/a/cancel", "")
	over.isProblem(http.StatusConflict, terminal)
	require.InDelta(t, 2, over.json("next_attempt"), 0)
	require.Nil(t, s.posted("a", `{"status":"started","attempt":2}`).json("cancel_requested_at"))
	s.do(http.MethodPost, "/status/a/cancel", "attempt=1", "Content-Type", "application/x-www-form-urlencoded").
		isProblem(http.StatusConflict, superseded)
}

func TestACancelThatCannotBeReadOrHonoured(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do(http.MethodPost, "/status/none/cancel", "").isProblem(http.StatusNotFound, notFound)
	s.posted("a", `{"status":"started"}`)
	a := s.do(http.MethodPost, "/status/a/cancel", `{"reson":"x","attempt":0}`, "Content-Type", "application/json")
	a.isProblem(http.StatusBadRequest, invalidBody)
	require.ElementsMatch(t, []string{"reson", "attempt"}, a.fields())
	s.do(http.MethodPost, "/status/a/cancel", "", "If-Match", `"1"`).isProblem(http.StatusBadRequest, invalidHeader)
	s.get("/status/a/cancel").isProblem(http.StatusMethodNotAllowed, methodNot)
	s.do(http.MethodPost, "/status/a%2Fb/cancel", "").isProblem(http.StatusUnprocessableEntity, invalidField)
}

func TestWhoeverMayWriteMayCancel(t *testing.T) {
	t.Parallel()
	s, i := guarded(t)
	root := form(i.free("root", auth.Admin))
	s.do(http.MethodPost, "/status/a", "status=started&owner=bob", root...)
	for token, code := range map[string]kind{
		i.bound(auth.Read, auth.Bound{Owner: "bob"}):    insufficientScope,
		i.bound(auth.Write, auth.Bound{Owner: "alice"}): outOfBounds,
		i.bound(auth.Write, auth.Bound{Job: "b"}):       outOfBounds,
	} {
		s.do(http.MethodPost, "/status/a/cancel", "", by(token)...).isProblem(http.StatusForbidden, code)
	}
	s.do(http.MethodPost, "/status/none/cancel", "", by(i.bound(auth.Write, auth.Bound{Owner: "alice"}))...).isProblem(http.StatusNotFound, notFound)
	require.Equal(t, http.StatusOK, s.do(http.MethodPost, "/status/a/cancel", "", by(i.bound(auth.Write, auth.Bound{Owner: "bob"}))...).status)
}

func TestACancelIsToldToThoseWhoWait(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		s := w.start(t)
		s.posted("a", `{"status":"started"}`)
		stream := s.open("a")
		stream.retry()
		stream.status()
		s.do(http.MethodPost, "/status/a/cancel", "reason=x", "Content-Type", "application/x-www-form-urlencoded")
		require.Contains(t, stream.status().data, `"cancel_reason":"x"`)
	})
}

func TestAStalledJobIsShownAndFound(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.posted("a", `{"status":"in-progress","progress":"3/10"}`)
	advanced := s.get("/status/a").json("progress", "advanced_at")
	for range 31 {
		s.clock.advance(time.Minute)
		s.posted("a", `{"status":"in-progress","progress":"3/10"}`)
	}
	a := s.get("/status/a")
	require.Equal(t, "stalled", a.json("liveness"))
	require.Contains(t, a.header.Get("Etag"), "-stalled")
	require.Equal(t, advanced, a.json("progress", "advanced_at"))
	require.Contains(t, s.get("/status/a", "Accept", "text/plain").body, "stalled, reported 0s ago  no progress for 31m")
	require.Len(t, s.get("/status?liveness=stalled").json("items"), 1)
	require.Empty(t, s.get("/status?liveness=live").json("items"))
	require.InDelta(t, 1, s.get("/status?counts=running").json("running", "stalled"), 0)
	require.Equal(t, "live", s.posted("a", `{"status":"in-progress","progress":"4/10"}`).json("liveness"))
}
