package api

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/auth"
)

func TestACredentialThatAsksTooOftenIsToldWhenToComeAgain(t *testing.T) {
	t.Parallel()
	s, i := guarded(t, func(c *Config) { c.Limits = Limits{Rate: 2, AddressRate: 1} })
	noisy, quiet := by(i.bound(auth.Read, auth.Bound{Job: "a"})), by(i.bound(auth.Read, auth.Bound{Job: "b"}))
	var refused answer
	for refused.status != http.StatusTooManyRequests {
		refused = s.get("/status/a", noisy...)
	}
	refused.isProblem(http.StatusTooManyRequests, rateLimited)
	require.Equal(t, "1", refused.header.Get("Retry-After"))
	require.Equal(t, http.StatusNotFound, s.get("/status/b", quiet...).status, "another one from the same address")
	for range 20 {
		require.Equal(t, http.StatusOK, s.get("/healthz").status)
	}
	var unknown answer
	for unknown.status != http.StatusTooManyRequests {
		unknown = s.get("/status/a")
	}
	require.Equal(t, http.StatusNotFound, s.get("/status/b", quiet...).status, "whatever comes without one from there")
	time.Sleep(time.Second)
	require.Equal(t, http.StatusNotFound, s.get("/status/a", noisy...).status)
}

func TestWhereNobodyShowsACredentialAddressesAreToldApart(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) {
		c.Limits = Limits{Rate: 1}
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	})
	drain := func(from string) {
		for s.get("/status/a", "X-Forwarded-For", from).status != http.StatusTooManyRequests {
		}
	}
	drain("198.51.100.1")
	require.Equal(t, http.StatusNotFound, s.get("/status/a", "X-Forwarded-For", "198.51.100.2").status)
	require.Equal(t, http.StatusTooManyRequests, s.get("/status/a", "X-Forwarded-For", "198.51.100.3, 198.51.100.1, 10.1.2.3").status,
		"what a client says before its own address is its own invention")
	drain("2001:db8::1")
	require.Equal(t, http.StatusTooManyRequests, s.get("/status/a", "X-Forwarded-For", "2001:db8::ffff:2").status, "the same network")
	require.Equal(t, http.StatusNotFound, s.get("/status/a", "X-Forwarded-For", "2001:db8:0:1::1").status)
	require.Eventually(t, func() bool {
		return strings.Contains(fmt.Sprint(s.log.of("request")), "from:2001:db8:0:1::1")
	}, 10*time.Second, time.Millisecond)

	untrusting := start(t, func(c *Config) { c.Limits = Limits{Rate: 1} })
	for n := 0; ; n++ {
		if untrusting.get("/status/a", "X-Forwarded-For", "198.51.100."+strconv.Itoa(n)).status == http.StatusTooManyRequests {
			break
		}
		require.Less(t, n, 100, "nobody believes that header")
	}
}

// slow is a request body that does not end until it is told to.
type slow struct {
	begun, end chan struct{}
	once       sync.Once
}

func newSlow() *slow { return &slow{begun: make(chan struct{}), end: make(chan struct{})} }

func (b *slow) Read(p []byte) (int, error) {
	select {
	case <-b.end:
		return 0, io.EOF
	case <-time.After(5 * time.Millisecond):
		b.once.Do(func() { close(b.begun) })
		p[0] = 's'
		return 1, nil
	}
}

func TestRequestsInFlightAreBoundedForAllAndForEach(t *testing.T) {
	t.Parallel()
	s, i := guarded(t, func(c *Config) { c.Limits = Limits{InFlight: 4} })
	s.root = by(i.free("root", auth.Admin))
	begin := func(token string) *slow {
		body := newSlow()
		go func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/status/a", body)
			if err != nil {
				return
			}
			r.Header.Set("Authorization", "Bearer "+token)
			if answer, err := new(http.Transport).RoundTrip(r); err == nil {
				answer.Body.Close()
			}
		}()
		<-body.begun
		return body
	}
	worker := func(job string) string { return i.bound(auth.Write, auth.Bound{Job: job}) }
	var bodies []*slow
	first := worker("a")
	bodies = append(bodies, begin(first))
	full := func(token string, status int, code kind) {
		require.Eventually(t, func() bool {
			a := s.get("/status/a", by(token)...)
			return a.status == status && a.json("code") == string(code)
		}, 10*time.Second, 5*time.Millisecond, code)
	}
	full(first, http.StatusTooManyRequests, rateLimited)
	for _, name := range []string{"owner-b", "owner-c", "owner-d"} {
		bodies = append(bodies, begin(i.bound(auth.Write, auth.Bound{Owner: name})))
	}
	full(worker("a-2"), http.StatusServiceUnavailable, busy)
	busyAnswer := s.get("/status/a", by(worker("a-2"))...)
	require.NotEmpty(t, busyAnswer.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, s.get("/healthz").status)
	require.Equal(t, http.StatusOK, s.get("/readyz").status)
	for _, body := range bodies {
		close(body.end)
	}
	require.Eventually(t, func() bool { return s.get("/status/a", by(first)...).status == http.StatusNotFound },
		10*time.Second, 5*time.Millisecond)
}

func TestThoseWhoWaitDoNotCountAsWork(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Limits = Limits{InFlight: 16} })
	for n := range 20 {
		go s.get("/status/a?wait=20s")
		s.watchers("wait", n+1)
	}
	require.Equal(t, http.StatusCreated, s.post("a", `{"status":"started"}`).status)
	s.watchers("wait", 0)
}

func TestAClientHasItsShareOfThoseWhoWait(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	s := ways[0].start(t, i.guard, func(c *Config) { c.Limits = Limits{WatchersEach: 2} })
	greedy, modest := by(i.bound(auth.Read, auth.Bound{Job: "a"})), by(i.bound(auth.Read, auth.Bound{Owner: "b"}))
	first := s.open("a", greedy...)
	s.open("a", greedy...)
	response, _ := s.request("a", greedy...)
	require.Equal(t, http.StatusTooManyRequests, response.StatusCode)
	require.NotEmpty(t, response.Header.Get("Retry-After"))
	s.open("a", modest...)
	first.leave()
	require.Eventually(t, func() bool {
		response, _ := s.request("a", greedy...)
		return response.StatusCode == http.StatusOK
	}, 10*time.Second, 5*time.Millisecond)
}

func TestAnAddressThatIsTooLongIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.get("/status?owner="+strings.Repeat("o", urlMost)).isProblem(http.StatusRequestURITooLong, uriTooLong)
	query := ""
	for n := range 100 {
		query += fmt.Sprintf("&request_id=%s%02d", strings.Repeat("x", 126), n)
	}
	require.Equal(t, http.StatusOK, s.get("/status?"+query[1:]).status, "the longest batch")
}
