package dynamo

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/dynamotest"
	"github.com/statusd/statusd/internal/table"
)

// scripted returns an engine on a server that gives these answers, the last of
// an operation for ever. One that begins with # is a refusal of that kind.
func scripted(t *testing.T, answers map[string][]string, opts ...Option) *Engine {
	t.Helper()
	requests := make(chan string, 1) // one at a time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		requests <- operation
		defer func() { <-requests }()
		answer := answers[operation][0]
		if len(answers[operation]) > 1 {
			answers[operation] = answers[operation][1:]
		}
		if strings.HasPrefix(answer, "#") {
			w.WriteHeader(http.StatusBadRequest)
			answer = `{"__type": "` + answer + `", "message": "so says the script"}`
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return New(NewClient(dynamotest.Config(t), server.URL), append(opts, Poll(time.Millisecond))...)
}

func TestWhatKeepsATableFromBeingMadeIsSaid(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	e := scripted(t, map[string][]string{
		"DescribeTable": {"#ResourceNotFoundException"},
		"CreateTable":   {"#LimitExceededException"}, // an account with too many tables
	}, Observe(func(c table.Call) {
		if c.Operation == "CreateTable" {
			cancel()
		}
	}))
	err := e.CreateTable(ctx, jobs("jobs"), table.Capacity{})
	require.ErrorIs(t, err, table.ErrUnavailable)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "so says the script")
}

func TestATimeToLiveIsWaitedForAndMayBeAnotherReplicas(t *testing.T) {
	t.Parallel()
	const (
		there     = `{"Table": {"TableStatus": "ACTIVE", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}}`
		off       = `{"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}`
		disabling = `{"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLING", "AttributeName": "ends"}}`
		on        = `{"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLING", "AttributeName": "ends"}}`
		other     = `{"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "at"}}`
		refused   = "#ValidationException"
	)
	for name, c := range map[string]struct {
		described []string
		updated   string
		want      error
	}{
		"being turned off":                     {[]string{disabling, disabling, off}, `{}`, nil},
		"another replica was first":            {[]string{off, on}, refused, nil},
		"another replica had another idea":     {[]string{off, other}, refused, table.ErrSchema},
		"the table is being changed":           {[]string{off, on}, "#ResourceInUseException", nil},
		"refused for another reason":           {[]string{off}, refused, table.ErrInvalid},
		"the right to read it is missing":      {[]string{"#AccessDeniedException"}, `{}`, table.ErrUnavailable},
		"a server without times to live":       {[]string{`{}`}, `{}`, nil},
		"the right to turn it on is missing":   {[]string{off}, "#AccessDeniedException", table.ErrUnavailable},
		"it is on for another attribute still": {[]string{other}, `{}`, table.ErrSchema},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := jobs("jobs")
			s.Indexes = nil
			e := scripted(t, map[string][]string{
				"DescribeTable": {there}, "DescribeTimeToLive": c.described, "UpdateTimeToLive": {c.updated},
			})
			err := e.CreateTable(t.Context(), s, table.Capacity{})
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestAnotherTableIsToldFromTheDeclaredOne(t *testing.T) {
	t.Parallel()
	const (
		keyTypes = `"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "state", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "S"}]`
		key      = `"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]`
		index    = `"GlobalSecondaryIndexes": [{"IndexName": "by_state", "IndexStatus": "ACTIVE", "Projection": {"ProjectionType": "%"},
			"KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}]}]`
	)
	for difference, described := range map[string]string{
		"its partition key is job, not id":         `"KeySchema": [{"AttributeName": "job", "KeyType": "HASH"}]`,
		"it has a sort key, at":                    `"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}]`,
		"its partition key id is a N, not a S":     key + `, "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}]`,
		"ALL), not by_state (hash state, range at": key + "," + keyTypes + "," + strings.Replace(index, "%", "ALL", 1),
		"index by_state has at as a S, not a N":    key + "," + keyTypes + "," + strings.Replace(index, "%", "KEYS_ONLY", 1),
	} {
		e := scripted(t, map[string][]string{"DescribeTable": {`{"Table": {"TableStatus": "ACTIVE", ` + described + `}}`}})
		err := e.CreateTable(t.Context(), jobs("jobs"), table.Capacity{})
		require.ErrorIs(t, err, table.ErrSchema)
		require.ErrorContains(t, err, difference)
	}
	e := scripted(t, map[string][]string{"DescribeTable": {"{}"}})
	require.ErrorContains(t, e.CreateTable(t.Context(), jobs("jobs"), table.Capacity{}), "what answers is not DynamoDB")
}
