package dynamotest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Fault is a way in which a request goes wrong.
type Fault int

// The faults.
const (
	// Throttle refuses as a table does that gets too many requests.
	Throttle Fault = iota + 1
	// ThrottleCalls refuses as DynamoDB does when an account makes, changes or
	// describes tables too often.
	ThrottleCalls
	// Deny refuses as for want of rights.
	Deny
	// ServerError answers 500, without forwarding.
	ServerError
	// Refuse cuts the connection before the server sees the request.
	Refuse
	// LoseAnswer lets the server act, and cuts the connection then: also for a
	// client that has hung up meanwhile.
	LoseAnswer
)

// Proxy stands between a client and a server, counts, and misbehaves on
// demand.
type Proxy struct {
	Endpoint string
	forward  *httputil.ReverseProxy

	mu     sync.Mutex // guards what follows; the maps are by operation
	counts map[string]int
	units  map[string]float64
	faults map[string][]Fault // in the order in which they come
	delays map[string]time.Duration
	lateBy map[string]time.Duration
	chance Chances
	dice   *rand.Rand
	away   bool

	creating    int // answers
	unprocessed int
	hidden      []string
}

// Chances are how likely faults are, for every request that writes.
type Chances struct {
	Refuse, LoseAnswer, Delay float64
	Longest                   time.Duration // of a delay
}

// NewProxy starts a proxy in front of a server.
func NewProxy(tb testing.TB, endpoint string) *Proxy {
	tb.Helper()
	target, err := url.Parse(endpoint)
	if err != nil || target.Host == "" {
		tb.Fatalf("a proxy needs a server's URL, not %q", endpoint)
	}
	p := &Proxy{
		counts: make(map[string]int), units: make(map[string]float64),
		faults: make(map[string][]Fault),
		delays: make(map[string]time.Duration), lateBy: make(map[string]time.Duration),
	}
	onward := &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true}
	p.forward = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = target.Host },
		ModifyResponse: p.change,
		Transport:      onward,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewServer(p)
	tb.Cleanup(func() { server.Close(); onward.CloseIdleConnections() })
	p.Endpoint = server.URL
	return p
}

func operationOf(r *http.Request) string {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return operation
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	outcome := p.next(operationOf(r))
	body, err := io.ReadAll(r.Body) // only then does net/http see a client hang up
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	ctx := r.Context()
	hold(ctx, outcome.delay)
	// Once the server has a request it acts on it, whether or not the client is
	// still there.
	r = r.WithContext(context.WithValue(context.WithoutCancel(ctx), bodyKey{}, body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch outcome.fault {
	case Throttle:
		refuse(w, http.StatusBadRequest, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException")
	case ThrottleCalls:
		refuse(w, http.StatusBadRequest, "com.amazon.coral.availability#ThrottlingException")
	case Deny:
		refuse(w, http.StatusBadRequest, "com.amazon.coral.service#AccessDeniedException")
	case ServerError:
		refuse(w, http.StatusInternalServerError, "com.amazonaws.dynamodb.v20120810#InternalServerError")
	case Refuse:
		panic(http.ErrAbortHandler)
	case LoseAnswer:
		// The server's answer is awaited, so that what was asked for is done.
		p.forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	default:
		if outcome.lateBy == 0 {
			p.forward.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		p.forward.ServeHTTP(answer, r)
		hold(ctx, outcome.lateBy)
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}
}

// bodyKey is where a request's context has its body.
type bodyKey struct{}

// hold waits, and cuts the connection of a client that gives up meanwhile.
func hold(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		panic(http.ErrAbortHandler)
	}
}

func refuse(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": kind, "message": "forced by a test"})
}

// outcome is what becomes of a request.
type outcome struct {
	fault         Fault
	delay, lateBy time.Duration
}

// next counts a request and decides what becomes of it.
func (p *Proxy) next(operation string) outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[operation]++
	o := outcome{delay: p.delays[operation], lateBy: p.lateBy[operation]}
	waiting := p.faults[operation]
	switch {
	case p.away:
		o.fault = Refuse
	case len(waiting) > 0:
		o.fault, p.faults[operation] = waiting[0], waiting[1:]
	case p.dice != nil && slices.Contains([]string{"PutItem", "UpdateItem", "DeleteItem"}, operation):
		if p.dice.Float64() < p.chance.Delay {
			o.delay += time.Duration(p.dice.Int64N(int64(p.chance.Longest)))
		}
		switch dice := p.dice.Float64(); {
		case dice < p.chance.Refuse:
			o.fault = Refuse
		case dice < p.chance.Refuse+p.chance.LoseAnswer:
			o.fault = LoseAnswer
		}
	}
	return o
}

// Counts returns the requests by operation since it was last asked.
func (p *Proxy) Counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := maps.Clone(p.counts)
	clear(p.counts)
	return counts
}

// Units returns the capacity units by operation that the server said were
// consumed, since it was last asked.
func (p *Proxy) Units() map[string]float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	units := maps.Clone(p.units)
	clear(p.units)
	return units
}

// Fail makes the next requests of an operation go wrong.
func (p *Proxy) Fail(operation string, times int, f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[operation] = append(p.faults[operation], slices.Repeat([]Fault{f}, times)...)
}

// DelayAnswer holds the answer to every request of an operation for so long,
// after the server has acted.
func (p *Proxy) DelayAnswer(operation string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lateBy[operation] = d
}

// Delay holds every request of an operation for so long, before the server
// sees it.
func (p *Proxy) Delay(operation string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delays[operation] = d
}

// Chaos makes requests go wrong by chance.
func (p *Proxy) Chaos(seed uint64, c Chances) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chance, p.dice = c, rand.New(rand.NewPCG(seed, seed))
}

// Away makes the server be away, or back.
func (p *Proxy) Away(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

// IndexesCreating makes the next answers to DescribeTable show all indexes as
// being created.
func (p *Proxy) IndexesCreating(answers int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.creating = answers
}

// Unprocessed makes the next answers to BatchGetItem leave keys for later.
func (p *Proxy) Unprocessed(answers int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unprocessed = answers
}

// HideFromQueries leaves items out of all answers to Query that have one of
// these strings as a value, as an index does that lags. None hides none.
func (p *Proxy) HideFromQueries(values ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hidden = values
}
