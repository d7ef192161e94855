// Package enginetest is the one suite that every engine passes: what the
// corners of a table are like, by the behaviour of DynamoDB.
package enginetest

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// Harness gives the suite an engine.
type Harness struct {
	// Engine returns an engine that tells o of its calls. All engines of one
	// harness have the same tables; o may be told of other tests' calls, too.
	Engine func(t *testing.T, o table.Observer) table.Engine
	// Table returns a name that is free, and frees it after the test.
	Table func(t *testing.T) string
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for _, part := range []struct {
		name string
		test func(t *testing.T, h Harness)
	}{
		{"Create", testCreate}, {"Get", testGet}, {"GetMany", testGetMany}, {"Update", testUpdate},
		{"Conditions", testConditions}, {"Delete", testDelete}, {"Scan", testScan},
		{"Keys", testKeys}, {"IntegerKeys", testIntegerKeys}, {"Names", testNames}, {"Values", testValues}, {"Size", testSize},
		{"TimeToLive", testTimeToLive}, {"Counting", testCounting}, {"Cancelled", testCancelled},
		{"Query", testQuery}, {"Moves", testMoves}, {"IndexKeys", testIndexKeys}, {"Indexes", testIndexes}, {"Tables", testTables},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.test(t, h)
		})
	}
}

// state is a categorical attribute.
type state string

func (state) Values() []string { return []string{"new", "busy", "done"} }

// job is the declaration that most of the suite works with. Some of its
// attributes have names that DynamoDB reserves, or that an expression could
// take for something else.
type job struct {
	ID      string            `dynamodbav:"id" table:"key"`
	State   state             `dynamodbav:"state" table:"index=by_state:keys_only"`
	At      time.Time         `dynamodbav:"at,omitempty" table:"range=by_state"`
	Team    string            `dynamodbav:"team,omitempty" table:"index=by_team:include(size name)"`
	Rank    float64           `dynamodbav:"rank,omitempty" table:"range=by_team"`
	Version int64             `dynamodbav:"version" table:"version"`
	Ends    int64             `dynamodbav:"ends,omitempty" table:"ttl"`
	Name    string            `dynamodbav:"name,omitempty"`
	Size    int64             `dynamodbav:"size,omitempty"`
	Odd     string            `dynamodbav:"a.b #c:d e,omitempty"`
	Tags    map[string]string `dynamodbav:"tags,omitempty"`
	Steps   []string          `dynamodbav:"steps,omitempty"`
	Done    bool              `dynamodbav:"done,omitempty"`
	Fill    string            `dynamodbav:"fill,omitempty"`
}

var (
	// now is what all clocks of the suite say.
	now  = time.Now().UTC().Truncate(time.Second)
	past = now.Add(-time.Hour).Unix()
)

// jobs returns an empty table of jobs.
func jobs(t *testing.T, h Harness) *table.Table[job] {
	t.Helper()
	return jobsNamed(t, h, h.Table(t))
}

func jobsNamed(t *testing.T, h Harness, name string) *table.Table[job] {
	t.Helper()
	return open[job](t, h, name)
}

// open declares a table and makes it.
func open[T any](t *testing.T, h Harness, name string) *table.Table[T] {
	t.Helper()
	declared, err := table.New[T](unwatched(t, h), name, table.WithClock(func() time.Time { return now }))
	require.NoError(t, err)
	require.NoError(t, declared.CreateTable(t.Context(), table.Capacity{}))
	return declared
}

// unwatched returns an engine without an observer.
func unwatched(t *testing.T, h Harness) table.Engine {
	t.Helper()
	return h.Engine(t, func(table.Call) {})
}

// put stores an item as it is, past T and its checks.
func put(t *testing.T, h Harness, s *table.Schema, item table.Item) {
	t.Helper()
	require.NoError(t, unwatched(t, h).Put(t.Context(), s, table.Put{Item: item, Now: now}))
}

// item reads one as it is.
func item(t *testing.T, h Harness, s *table.Schema, key string) table.Item {
	t.Helper()
	found, err := unwatched(t, h).Get(t.Context(), s, text(key), true)
	require.NoError(t, err)
	return found
}

func create(t *testing.T, jobs *table.Table[job], j job) job {
	t.Helper()
	if j.State == "" {
		j.State = "new"
	}
	require.NoError(t, jobs.Create(t.Context(), j))
	return j
}

func get(t *testing.T, jobs *table.Table[job], id string) job {
	t.Helper()
	found, err := jobs.Get(t.Context(), id, table.Consistent())
	require.NoError(t, err)
	return found
}

func set(name string, value any) table.Changes {
	return table.Changes{Set: map[string]any{name: value}}
}

// conflict expects a write to have been refused, and returns the record that
// it met.
func conflict(t *testing.T, err, kind error) job {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var failed *table.ConflictError[job]
	require.ErrorAs(t, err, &failed)
	return failed.Found
}

// eventually waits for what an index shows: on DynamoDB it lags.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 30*time.Second, 20*time.Millisecond)
}

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
