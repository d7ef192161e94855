package api

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/auth"
)

// form is the header of a form, beside a credential.
func form(token string) []string {
	return append(by(token), "Content-Type", "application/x-www-form-urlencoded")
}

func TestARefusalSaysWhatToShow(t *testing.T) {
	t.Parallel()
	s, i := guarded(t)
	token := i.bound(auth.Read, auth.Bound{Job: "a"})
	for name, c := range map[string]struct {
		headers []string
		code    kind
		told    string
	}{
		"nothing":         {nil, unauthenticated, `Bearer realm="statusd"`},
		"another kind":    {[]string{"Authorization", "Basic YTpi"}, unauthenticated, `Bearer realm="statusd"`},
		"no token":        {[]string{"Authorization", "Bearer"}, unauthenticated, `Bearer realm="statusd"`},
		"two":             {append(by(token), by(token)...), unauthenticated, `Bearer realm="statusd"`},
		"two in one":      {by(token + ", Bearer " + token), unauthenticated, `Bearer realm="statusd"`},
		"an expired one":  {by(i.until(auth.Read, auth.Bound{Job: "a"}, time.Now().Add(-time.Second))), invalidToken, "come to its end"},
		"an empty cookie": {[]string{"Cookie", "statusd="}, invalidToken, `error="invalid_token"`},
	} {
		a := s.get("/status/a", c.headers...)
		a.isProblem(http.StatusUnauthorized, c.code)
		require.Contains(t, a.header.Get("Www-Authenticate"), c.told, name)
		require.NotContains(t, a.body, token)
	}
	s.get("/status/a?access_token="+token).isProblem(http.StatusUnauthorized, unauthenticated)
	s.get("/status/a", "Authorization", "bearer  "+token).isProblem(http.StatusNotFound, notFound)
	a := s.do(http.MethodPost, "/status/a", "status=started", form(token)...)
	a.isProblem(http.StatusForbidden, insufficientScope)
	require.Equal(t, `Bearer realm="statusd", error="insufficient_scope", scope="write"`, a.header.Get("Www-Authenticate"))
	require.Contains(t, a.json("detail"), "It takes the scope write; this credential has read.")
}

func TestAProviderThatIsAwayIsNoRefusal(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Auth = away{} })
	a := s.get("/status/a", by("token")...)
	a.isProblem(http.StatusServiceUnavailable, providerAway)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.NotContains(t, a.body, "10.0.0.1")
	require.Equal(t, http.StatusOK, s.get("/healthz").status)
}

// away is an identity provider that does not answer.
type away struct{}

func (away) Check(context.Context, string) (*auth.Credential, error) {
	return nil, fmt.Errorf("%w: dialing 10.0.0.1", auth.ErrUnavailable)
}

func TestAnOwnersReportsAreTheirs(t *testing.T) {
	t.Parallel()
	s, i := guarded(t)
	alice, bob := form(i.bound(auth.Write, auth.Bound{Owner: "alice"})), form(i.bound(auth.Write, auth.Bound{Owner: "bob"}))
	cluster := form(i.free("cluster", auth.Write))

	a := s.do(http.MethodPost, "/status/a", "status=started", alice...)
	require.Equal(t, http.StatusCreated, a.status)
	require.Equal(t, "alice", a.json("owner"), "without being named")
	require.Equal(t, http.StatusOK, s.do(http.MethodPost, "/status/a", "status=in-progress&owner=alice", alice...).status)
	s.do(http.MethodPost, "/status/b", "status=started&owner=bob", alice...).isProblem(http.StatusForbidden, outOfBounds)
	s.get("/status/b", cluster...).isProblem(http.StatusNotFound, notFound)

	denied := s.do(http.MethodPost, "/status/a", "status=fail", bob...)
	denied.isProblem(http.StatusForbidden, outOfBounds)
	require.NotContains(t, denied.body, "alice", "it says nothing of the job")
	denied = s.do(http.MethodPost, "/status/a", "status=started", append(bob, "If-None-Match", "*")...)
	denied.isProblem(http.StatusForbidden, outOfBounds)
	require.Equal(t, "in-progress", s.get("/status/a", alice...).json("status"))

	require.Equal(t, http.StatusCreated, s.do(http.MethodPost, "/status/nobodys", "status=started", cluster...).status)
	s.do(http.MethodPost, "/status/nobodys", "status=in-progress", alice...).isProblem(http.StatusForbidden, outOfBounds)
	s.get("/status/nobodys", alice...).isProblem(http.StatusNotFound, notFound)
}

func TestAListHasWhatIsWithinTheBoundWhateverIsAskedFor(t *testing.T) {
	t.Parallel()
	s, i := guarded(t)
	root := form(i.free("root", auth.Admin))
	for n := range 6 {
		owner := []string{"alice", "bob"}[n%2]
		s.do(http.MethodPost, fmt.Sprintf("/status/%s-%d", owner, n), "status=started&owner="+owner, root...)
		s.clock.advance(time.Second)
	}
	ids := func(path string, headers []string) (ids []string, cursor string) {
		a := s.get(path, headers...)
		require.Equal(t, http.StatusOK, a.status, a.body)
		for _, item := range a.json("items").([]any) {
			ids = append(ids, item.(map[string]any)["request_id"].(string))
		}
		cursor, _ = a.json("next_cursor").(string)
		return ids, cursor
	}
	alice, bob := by(i.bound(auth.Read, auth.Bound{Owner: "alice"})), by(i.bound(auth.Read, auth.Bound{Owner: "bob"}))
	first, cursor := ids("/status?limit=2", alice)
	require.Equal(t, []string{"alice-4", "alice-2"}, first)
	rest, _ := ids("/status?limit=2&cursor="+cursor, alice)
	require.Equal(t, []string{"alice-0"}, rest)
	s.get("/status?limit=2&cursor="+cursor, bob...).isProblem(http.StatusBadRequest, invalidCursor)
	none, _ := ids("/status?owner=bob", alice)
	require.Empty(t, none)
	_, ofAll := ids("/status?limit=2", root)
	s.get("/status?limit=2&cursor="+ofAll, alice...).isProblem(http.StatusBadRequest, invalidCursor)
	batch := s.get("/status?request_id=alice-0&request_id=bob-1&request_id=none", alice...)
	require.Len(t, batch.json("items"), 1)
	require.Equal(t, []any{"bob-1", "none"}, batch.json("not_found"), "as if it weren't there")

	require.InDelta(t, 3, s.get("/status?counts=running", alice...).json("running", "live"), 0)
	require.InDelta(t, 6, s.get("/status?counts=running", root...).json("running", "live"), 0)
	require.InDelta(t, 0, s.get("/status?counts=running&owner=bob", alice...).json("running", "live"), 0)

	team := by(i.bound(auth.Admin, auth.Bound{Prefix: "bob-"}))
	found, _ := ids("/status", team)
	require.Equal(t, []string{"bob-5", "bob-3", "bob-1"}, found)
	require.InDelta(t, 3, s.get("/status?counts=running", team...).json("running", "live"), 0)
	viewer := by(i.free("viewer", auth.Read))
	found, _ = ids("/status?owner=bob", viewer)
	require.Len(t, found, 3)
	require.InDelta(t, 3, s.get("/status?owner=bob&counts=running", viewer...).json("running", "live"), 0)
}

func TestWhatIsOutOfBoundsIsWaitedForAsIfItWereNotThere(t *testing.T) {
	t.Parallel()
	s, i := guarded(t)
	root := form(i.free("root", auth.Admin))
	s.root = root
	alice := by(i.bound(auth.Read, auth.Bound{Owner: "alice"}))
	s.do(http.MethodPost, "/status/a", "status=started&owner=bob", root...)
	began := time.Now()
	s.get("/status/a?wait=300ms", alice...).isProblem(http.StatusNotFound, notFound)
	require.GreaterOrEqual(t, time.Since(began), 300*time.Millisecond)

	answers := make(chan answer)
	go func() { answers <- s.get("/status/a?wait=20s", alice...) }()
	s.watchers("wait", 1)
	s.do(http.MethodPost, "/status/a", "status=in-progress", root...)
	s.do(http.MethodDelete, "/status/a", "", root...)
	s.do(http.MethodPost, "/status/a", "status=started&owner=alice", root...)
	require.Equal(t, "started", (<-answers).json("status"), "once it is theirs")
}

func TestAWaitEndsWithItsCredential(t *testing.T) {
	t.Parallel()
	s, i := guarded(t)
	token := i.until(auth.Read, auth.Bound{Job: "a"}, time.Now().Add(1500*time.Millisecond))
	began := time.Now()
	s.get("/status/a?wait=30s", by(token)...).isProblem(http.StatusUnauthorized, invalidToken)
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestAStreamTellsAnOwnerOfTheirJobsAlone(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		i := newIssuer(t)
		s := w.start(t, i.guard)
		root := form(i.free("root", auth.Admin))
		s.root = root
		stream := s.open("a", by(i.bound(auth.Read, auth.Bound{Owner: "alice"}))...)
		stream.retry()
		s.do(http.MethodPost, "/status/a", "status=started&owner=bob", root...)
		s.do(http.MethodDelete, "/status/a", "", root...)
		s.do(http.MethodPost, "/status/a", "status=started&owner=alice", root...)
		require.Contains(t, stream.status().data, `"owner":"alice"`, "the first that it hears of")
		s.do(http.MethodDelete, "/status/a", "", root...)
		stream.is("gone")
		s.do(http.MethodPost, "/status/a", "status=success&owner=bob", root...)
		s.do(http.MethodDelete, "/status/a", "", root...)
		s.do(http.MethodPost, "/status/a", "status=success&owner=alice", root...)
		stream.status()
		stream.is("end")
		stream.ends()
	})
}

func TestAStreamEndsWithItsCredential(t *testing.T) {
	onBothWays(t, func(t *testing.T, w way) {
		i := newIssuer(t)
		s := w.start(t, i.guard)
		root := form(i.free("root", auth.Admin))
		s.root = root
		s.do(http.MethodPost, "/status/a", "status=started", root...)
		began := time.Now()
		stream := s.open("a", by(i.until(auth.Read, auth.Bound{Job: "a"}, began.Add(2*time.Second)))...)
		stream.retry()
		stream.status()
		stream.ends()
		require.Less(t, time.Since(began), 5*time.Second)

		file := i.file
		token := i.free("gone soon", auth.Read)
		stream = s.open("a", by(token)...)
		stream.retry()
		stream.status()
		require.NoError(t, i.auth.SetTokens(file))
		s.do(http.MethodPost, "/status/a", "status=in-progress", root...)
		stream.ends()
		s.watchers("stream", 0)
	})
}

func TestACredentialIsInNoLogAndNoMetric(t *testing.T) {
	t.Parallel()
	s, i := guarded(t)
	token := i.free("root", auth.Admin)
	signed := i.bound(auth.Write, auth.Bound{Job: "a"})
	for _, one := range []string{token, signed, forged(signed)} {
		s.do(http.MethodPost, "/status/a", "status=started", form(one)...)
		s.get("/status/a", by(one)...)
		s.get("/status/a", "Cookie", "statusd="+one)
		s.do(http.MethodPost, "/session", "", by(one)...)
	}
	metrics := s.get("/metrics", by(token)...).body
	require.Eventually(t, func() bool { return len(s.log.of("request")) >= 13 }, 10*time.Second, time.Millisecond)
	logged := fmt.Sprint(s.log.of("request"))
	for _, one := range []string{token, signed, forged(signed)} {
		require.NotContains(t, logged, one)
		require.NotContains(t, metrics, one)
	}
	require.NotContains(t, metrics, "root", "nor who it is")
}

func TestWritesAndRefusalsAreAuditedWhateverTheLogLevel(t *testing.T) {
	t.Parallel()
	s, i := guarded(t, func(c *Config) { c.Log = c.Log.Level(4) })
	worker := i.bound(auth.Write, auth.Bound{Job: "a"})
	s.do(http.MethodPost, "/status/a", "status=started", form(worker)...)
	s.do(http.MethodPost, "/status/a", "status=nonsense", form(worker)...)
	s.do(http.MethodPost, "/status/b", "status=started", form(worker)...)
	s.get("/status/a", by(worker)...)
	s.get("/status/a")
	s.do(http.MethodDelete, "/status/a", "", by(i.free("root", auth.Admin))...)
	var lines []map[string]any
	require.Eventually(t, func() bool { lines = s.log.of("request"); return len(lines) == 5 }, 10*time.Second, time.Millisecond, "all but the read")
	for n, want := range []map[string]any{
		{"audit": "write", "who": "job:a", "request_id": "a", "method": "POST", "outcome": "created", "status": 201.0},
		{"audit": "write", "who": "job:a", "request_id": "a", "method": "POST", "code": "invalid_field", "status": 422.0},
		{"audit": "refusal", "who": "job:a", "request_id": "b", "method": "POST", "code": "out_of_bounds", "status": 403.0},
		{"audit": "refusal", "request_id": "a", "method": "GET", "code": "unauthenticated", "status": 401.0},
		{"audit": "write", "who": "token:root", "request_id": "a", "method": "DELETE", "outcome": "deleted", "status": 204.0},
	} {
		require.Equal(t, "127.0.0.1", lines[n]["from"])
		for field, value := range want {
			require.Equal(t, value, lines[n][field], "%s of %v", field, lines[n])
		}
	}
}
