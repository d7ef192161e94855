package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/config"
	"github.com/statusd/statusd/internal/dynamotest"
	"github.com/statusd/statusd/internal/table"
)

// onEveryStore runs a test on the embedded store, and on DynamoDB.
func onEveryStore(t *testing.T, test func(t *testing.T, environ []string)) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, environment(t))
	})
	t.Run("dynamodb", func(t *testing.T) {
		t.Parallel()
		environ := environment(t, "STORE=dynamodb", "TABLE="+dynamotest.TableName(t), "CREATE_TABLE=true")
		if endpoint := dynamotest.Start(t).Endpoint; endpoint != "" {
			environ = append(environ, "STATUSD_DYNAMODB_ENDPOINT="+endpoint)
		}
		test(t, environ)
	})
}

func TestAJobLivesOnEveryStore(t *testing.T) {
	onEveryStore(t, func(t *testing.T, environ []string) {
		s := start(t, environ)
		s.do(http.StatusCreated, "POST", "/status/job", `{"status": "started", "attempt": 7}`)
		s.do(http.StatusOK, "POST", "/status/job", `{"status": "success", "attempt": 7}`)
		got := s.do(http.StatusOK, "GET", "/status/job", "").record(t)
		require.Equal(t, "success", got.Status)
		require.EqualValues(t, 7, got.Attempt)

		s.do(http.StatusConflict, "POST", "/status/job/cancel", "")
		s.do(http.StatusOK, "POST", "/status/job", `{"status": "in-progress", "attempt": 8, "progress": "1/10"}`)
		s.do(http.StatusOK, "POST", "/status/job/cancel", `{"reason": "too dear", "attempt": 8}`)
		s.do(http.StatusOK, "POST", "/status/job", `{"status": "in-progress", "attempt": 8, "progress": "2/10"}`)
		require.Contains(t, string(s.do(http.StatusOK, "GET", "/status/job", "").body), `"cancel_reason":"too dear"`)
		s.do(http.StatusOK, "POST", "/status/job", `{"status": "started", "attempt": 9}`)
		require.NotContains(t, string(s.do(http.StatusOK, "GET", "/status/job", "").body), "cancel")
	})
}

func TestATableIsCreatedOnceAndDescribed(t *testing.T) {
	onEveryStore(t, func(t *testing.T, environ []string) {
		code, _, stderr := invoke(t, environ, "table", "describe")
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "statusd: there is no table ")

		for range 2 {
			code, stdout, stderr := invoke(t, environ, "table", "create")
			require.Equal(t, exitOK, code, stderr)
			require.Contains(t, stdout, " is ready\n")
		}
		code, stdout, stderr := invoke(t, environ, "table", "describe")
		require.Equal(t, exitOK, code, stderr)
		require.Regexp(t, `(?m)^key +request_id \(S\)$`, stdout)
		require.Regexp(t, `(?m)^time to live +expires_at$`, stdout)
		require.Regexp(t, `(?m)^index +by_status .*ACTIVE$`, stdout)
		require.Regexp(t, `(?m)^index +by_owner .*ACTIVE$`, stdout)
	})
}

func TestOnlyATableThatIsThereIsMigrated(t *testing.T) {
	onEveryStore(t, func(t *testing.T, environ []string) {
		code, _, stderr := invoke(t, environ, "table", "migrate")
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "statusd: there is no table ")
	})
}

// older is an item as an older writer of the table left it.
type older struct {
	RequestID string `dynamodbav:"request_id" table:"key"`
	Status    string `dynamodbav:"status"`
	Timestamp string `dynamodbav:"timestamp"`
	ExpiresAt int64  `dynamodbav:"expires_at,omitempty" table:"ttl"` // never set
}

func TestRecordsOfTheOlderLayoutAreListedOnceMigrated(t *testing.T) {
	onEveryStore(t, func(t *testing.T, environ []string) {
		putOlder(t, environ,
			older{RequestID: "one", Status: "STARTED", Timestamp: "2023-04-05 06:07:08"},
			older{RequestID: "two", Status: "FAILED", Timestamp: "2023-04-05T06:07:09Z"})
		code, stdout, stderr := invoke(t, environ, "table", "migrate")
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, stdout, "2 records carried over, 0 were in the present layout")
		code, stdout, _ = invoke(t, environ, "table", "migrate")
		require.Equal(t, exitOK, code)
		require.Contains(t, stdout, "0 records carried over, 2 were in the present layout")

		s := start(t, environ)
		require.Equal(t, "fail", s.do(http.StatusOK, "GET", "/status/two", "").record(t).Status)
		list := s.do(http.StatusOK, "GET", "/status?status=started", "")
		require.Contains(t, string(list.body), `"one"`)
	})
}

// putOlder makes the older table, without any index, and items in it.
func putOlder(t *testing.T, environ []string, items ...older) {
	t.Helper()
	c, err := config.Load(environ, true)
	require.NoError(t, err)
	engine, closeEngine, err := openEngine(t.Context(), c, func(table.Call) {})
	require.NoError(t, err)
	jobs, err := table.New[older](engine, c.Table)
	require.NoError(t, err)
	require.NoError(t, jobs.CreateTable(t.Context(), table.Capacity{}))
	for _, item := range items {
		require.NoError(t, jobs.Create(t.Context(), item))
	}
	require.NoError(t, closeEngine())
}
