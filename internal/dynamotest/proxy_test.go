package dynamotest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// behind returns a proxy in front of a server that gives everyone this answer,
// and counts what reaches it.
func behind(t *testing.T, answer string) (*Proxy, *atomic.Int64) {
	t.Helper()
	var reached atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		w.Header().Set("X-Amz-Crc32", "1")
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return NewProxy(t, server.URL), &reached
}

// ask makes a request of that operation, and returns the answer and its status.
func ask(ctx context.Context, p *Proxy, operation, body string) (int, map[string]any, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Endpoint, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = got.Body.Close() }()
	var answer map[string]any
	err = json.NewDecoder(got.Body).Decode(&answer)
	return got.StatusCode, answer, err
}

func mustAsk(t *testing.T, p *Proxy, operation, body string) map[string]any {
	t.Helper()
	status, answer, err := ask(t.Context(), p, operation, body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	return answer
}

func TestRequestsAndUnitsAreCountedByOperation(t *testing.T) {
	t.Parallel()
	one, _ := behind(t, `{"ConsumedCapacity": {"TableName": "t", "CapacityUnits": 1.5}}`)
	require.Contains(t, mustAsk(t, one, "GetItem", "{}"), "ConsumedCapacity")
	mustAsk(t, one, "GetItem", "{}")
	mustAsk(t, one, "Query", "{}")
	require.Equal(t, map[string]int{"GetItem": 2, "Query": 1}, one.Counts())
	require.Empty(t, one.Counts(), "since it was last asked")
	require.Equal(t, map[string]float64{"GetItem": 3, "Query": 1.5}, one.Units())
	require.Empty(t, one.Units())

	several, _ := behind(t, `{"ConsumedCapacity": [{"CapacityUnits": 1}, {"CapacityUnits": 2}]}`)
	mustAsk(t, several, "BatchGetItem", "{}")
	require.Equal(t, map[string]float64{"BatchGetItem": 3}, several.Units())
}

func TestAFaultComesAsOftenAsAskedAndToItsOperationAlone(t *testing.T) {
	t.Parallel()
	for fault, want := range map[Fault]struct {
		kind    string // "" for a connection that is cut
		status  int
		reached int64
	}{
		Throttle:      {"ProvisionedThroughputExceededException", http.StatusBadRequest, 0},
		ThrottleCalls: {"ThrottlingException", http.StatusBadRequest, 0},
		Deny:          {"AccessDeniedException", http.StatusBadRequest, 0},
		ServerError:   {"InternalServerError", http.StatusInternalServerError, 0},
		Refuse:        {"", 0, 0},
		LoseAnswer:    {"", 0, 1},
	} {
		p, reached := behind(t, `{}`)
		p.Fail("PutItem", 2, fault)
		mustAsk(t, p, "GetItem", "{}")
		for range 2 {
			reached.Store(0)
			status, answer, err := ask(t.Context(), p, "PutItem", "{}")
			if want.kind == "" {
				require.Error(t, err)
			} else {
				require.NoError(t, err)
				require.Equal(t, want.status, status)
				require.Regexp(t, "#"+want.kind+"$", answer["__type"])
			}
			require.Equal(t, want.reached, reached.Load(), want.kind)
		}
		mustAsk(t, p, "PutItem", "{}")
	}
}

func TestAServerThatIsAwayRefusesEverything(t *testing.T) {
	t.Parallel()
	p, reached := behind(t, `{}`)
	p.Away(true)
	_, _, err := ask(t.Context(), p, "GetItem", "{}")
	require.Error(t, err)
	require.Zero(t, reached.Load())
	p.Away(false)
	mustAsk(t, p, "GetItem", "{}")
}

func TestAClientMayGiveUpBeforeOrAfterTheServerActs(t *testing.T) {
	t.Parallel()
	p, reached := behind(t, `{}`)
	p.Delay("GetItem", time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err := ask(ctx, p, "GetItem", "{}")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Zero(t, reached.Load())

	p.DelayAnswer("PutItem", time.Minute)
	ctx, hangUp := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, _, err := ask(ctx, p, "PutItem", "{}")
		failed <- err
	}()
	require.Eventually(t, func() bool { return reached.Load() == 1 }, 10*time.Second, time.Millisecond)
	hangUp()
	require.ErrorIs(t, <-failed, context.Canceled)

	p.DelayAnswer("PutItem", time.Millisecond)
	mustAsk(t, p, "PutItem", "{}")
}

func TestChaosIsTheSameForOneSeedAndLeavesReadsAlone(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (failed []bool, acted int64) {
		p, reached := behind(t, `{}`)
		p.Chaos(seed, Chances{Refuse: 0.3, LoseAnswer: 0.3, Delay: 0.5, Longest: time.Millisecond})
		for range 40 {
			mustAsk(t, p, "GetItem", "{}")
			_, _, err := ask(t.Context(), p, "UpdateItem", "{}")
			failed = append(failed, err != nil)
		}
		return failed, reached.Load() - 40
	}
	once, acted := run(1)
	again, actedAgain := run(1)
	require.Equal(t, once, again)
	require.Equal(t, acted, actedAgain)
	require.Contains(t, once, true)
	require.Contains(t, once, false)
	other, _ := run(2)
	require.NotEqual(t, once, other)
}

func TestIndexesAreShownAsBeingCreated(t *testing.T) {
	t.Parallel()
	p, _ := behind(t, `{"Table": {"TableStatus": "ACTIVE", "GlobalSecondaryIndexes": [{"IndexStatus": "ACTIVE"}]}}`)
	p.IndexesCreating(2)
	status := func() any {
		table := mustAsk(t, p, "DescribeTable", "{}")["Table"].(map[string]any)
		require.Equal(t, "ACTIVE", table["TableStatus"])
		return table["GlobalSecondaryIndexes"].([]any)[0].(map[string]any)["IndexStatus"]
	}
	require.Equal(t, "CREATING", status())
	require.Equal(t, "CREATING", status())
	require.Equal(t, "ACTIVE", status())
}

func TestItemsAreHiddenFromQueriesUntilReleased(t *testing.T) {
	t.Parallel()
	p, _ := behind(t, `{"Items": [{"k": {"S": "a"}}, {"k": {"S": "b"}}, {"k": {"N": "1"}}]}`)
	p.HideFromQueries("b", "1")
	require.Len(t, mustAsk(t, p, "Query", "{}")["Items"], 2)
	require.Len(t, mustAsk(t, p, "Scan", "{}")["Items"], 3)
	p.HideFromQueries()
	require.Len(t, mustAsk(t, p, "Query", "{}")["Items"], 3)
}

func TestKeysAreLeftUnprocessed(t *testing.T) {
	t.Parallel()
	p, _ := behind(t, `{"Responses": {"t": [{"k": {"S": "a"}, "n": {"N": "1"}}, {"k": {"S": "b"}, "n": {"N": "2"}}], "empty": []}}`)
	p.Unprocessed(1)
	request := `{"RequestItems": {"t": {"Keys": [{"k": {"S": "a"}}, {"k": {"S": "b"}}], "ConsistentRead": true}}}`
	short := mustAsk(t, p, "BatchGetItem", request)
	require.Len(t, short["Responses"].(map[string]any)["t"], 1)
	left, err := json.Marshal(short["UnprocessedKeys"])
	require.NoError(t, err)
	require.JSONEq(t, `{"t": {"Keys": [{"k": {"S": "b"}}], "ConsistentRead": true}}`, string(left))
	require.NotContains(t, mustAsk(t, p, "BatchGetItem", request), "UnprocessedKeys")
}
