package dynamotest

import (
	"bytes"
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
	// ServerError answers 500, without forwarding.
	ServerError
	// Refuse cuts the connection before the server sees the request.
	Refuse
	// LoseAnswer lets the server act, and cuts the connection then.
	LoseAnswer
)

// Proxy stands between a client and a server, counts, and misbehaves on
// demand.
type Proxy struct {
	Endpoint string
	forward  *httputil.ReverseProxy

	mu     sync.Mutex
	counts map[string]int
	units  map[string]float64
	faults map[string][]Fault // by operation, in the order in which they come
	delays map[string]time.Duration
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
		faults: make(map[string][]Fault), delays: make(map[string]time.Duration),
	}
	p.forward = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = target.Host },
		ModifyResponse: p.change,
		Transport:      &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true},
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewServer(p)
	tb.Cleanup(server.Close)
	p.Endpoint = server.URL
	return p
}

func operationOf(r *http.Request) string {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return operation
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault, delay := p.next(operationOf(r))
	body, err := io.ReadAll(r.Body) // only then does net/http see a client hang up
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done(): // the client has given up
			panic(http.ErrAbortHandler)
		}
	}
	switch fault {
	case Throttle:
		refuse(w, http.StatusBadRequest, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException")
	case ServerError:
		refuse(w, http.StatusInternalServerError, "com.amazonaws.dynamodb.v20120810#InternalServerError")
	case Refuse:
		panic(http.ErrAbortHandler)
	case LoseAnswer:
		// The server's answer is awaited, so that what was asked for is done.
		p.forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	default:
		p.forward.ServeHTTP(w, r)
	}
}

func refuse(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": kind, "message": "forced by a test"})
}

// next counts a request and decides what becomes of it.
func (p *Proxy) next(operation string) (Fault, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[operation]++
	delay := p.delays[operation]
	if p.away {
		return Refuse, delay
	}
	if waiting := p.faults[operation]; len(waiting) > 0 {
		p.faults[operation] = waiting[1:]
		return waiting[0], delay
	}
	if p.dice == nil || !slices.Contains([]string{"PutItem", "UpdateItem", "DeleteItem"}, operation) {
		return 0, delay
	}
	if p.dice.Float64() < p.chance.Delay {
		delay += time.Duration(p.dice.Int64N(int64(p.chance.Longest)))
	}
	switch dice := p.dice.Float64(); {
	case dice < p.chance.Refuse:
		return Refuse, delay
	case dice < p.chance.Refuse+p.chance.LoseAnswer:
		return LoseAnswer, delay
	}
	return 0, delay
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

// Delay holds every request of an operation for so long.
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

// change reads the capacity in an answer, and changes it where that was asked
// for.
func (p *Proxy) change(r *http.Response) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	operation := operationOf(r.Request)
	var answer map[string]any
	if json.Unmarshal(body, &answer) == nil && r.StatusCode == http.StatusOK {
		p.mu.Lock()
		p.units[operation] += unitsIn(answer["ConsumedCapacity"])
		if p.edit(operation, answer) {
			body, err = json.Marshal(answer)
			r.Header.Del("X-Amz-Crc32") // of the answer as it was
		}
		p.mu.Unlock()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Del("Content-Length")
	return err
}

// unitsIn sums what one or several tables say of their capacity.
func unitsIn(consumed any) (sum float64) {
	switch c := consumed.(type) {
	case map[string]any:
		sum, _ = c["CapacityUnits"].(float64)
	case []any:
		for _, one := range c {
			sum += unitsIn(one)
		}
	}
	return sum
}

// edit changes an answer, and tells whether it did. It needs mu.
func (p *Proxy) edit(operation string, answer map[string]any) bool {
	switch {
	case operation == "DescribeTable" && p.creating > 0:
		p.creating--
		description, _ := answer["Table"].(map[string]any)
		indexes, _ := description["GlobalSecondaryIndexes"].([]any)
		for _, index := range indexes {
			index.(map[string]any)["IndexStatus"] = "CREATING"
		}
		return true
	case operation == "Query" && len(p.hidden) > 0:
		items, _ := answer["Items"].([]any)
		answer["Items"] = slices.DeleteFunc(items, p.hides)
		return true
	case operation == "BatchGetItem" && p.unprocessed > 0:
		p.unprocessed--
		return leave(answer)
	}
	return false
}

func (p *Proxy) hides(item any) bool {
	for _, attribute := range item.(map[string]any) {
		if text, ok := attribute.(map[string]any)["S"].(string); ok && slices.Contains(p.hidden, text) {
			return true
		}
	}
	return false
}

// leave takes one item out of each table's and names its key as unprocessed.
// The key is taken for an attribute named request_id or id.
func leave(answer map[string]any) bool {
	unprocessed := make(map[string]any)
	responses, _ := answer["Responses"].(map[string]any)
	for table, found := range responses {
		items := found.([]any)
		if len(items) == 0 {
			continue
		}
		last := items[len(items)-1].(map[string]any)
		responses[table] = items[:len(items)-1]
		for _, key := range []string{"request_id", "id"} {
			if value, ok := last[key]; ok {
				unprocessed[table] = map[string]any{"Keys": []any{map[string]any{key: value}}, "ConsistentRead": true}
			}
		}
	}
	answer["UnprocessedKeys"] = unprocessed
	return true
}
