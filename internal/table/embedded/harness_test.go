package embedded

import (
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// jobs is a table with a string key, an index, a version and a time to live.
func jobs() *table.Schema {
	return &table.Schema{
		Table: "jobs", Key: table.Attribute{Name: "id", Type: "S", Required: true}, Version: "version", TTL: "ends",
		Indexes: []table.Index{{Name: "by_state", Hash: "state", Range: "at", Projection: table.ProjectKeysOnly}},
		Attributes: []table.Attribute{
			{Name: "id", Type: "S"}, {Name: "state", Type: "S"}, {Name: "at", Type: "N"},
			{Name: "version", Type: "N"}, {Name: "ends", Type: "N"}, {Name: "owner", Type: "S"},
		},
	}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func number(n int) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.Itoa(n)}
}

// newEngine returns an engine on a new file with the table jobs, and its file.
func newEngine(t testing.TB, opts ...Option) (*Engine, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "some folder", "statusd?.db")
	e := reopen(t, path, opts...)
	require.NoError(t, e.CreateTable(t.Context(), jobs(), table.Capacity{}))
	return e, path
}

func reopen(t testing.TB, path string, opts ...Option) *Engine {
	t.Helper()
	e, err := Open(path, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func put(t testing.TB, e *Engine, id string, more table.Item) {
	t.Helper()
	item := table.Item{"id": text(id), "version": number(1)}
	for name, av := range more {
		item[name] = av
	}
	if err := e.Put(t.Context(), jobs(), table.Put{Item: item, Now: time.Now()}); err != nil {
		t.Error(err) // also where many put at once
	}
}

// putAll puts many at once, so that they share commits.
func putAll(t testing.TB, e *Engine, count int, record func(i int) (id string, more table.Item)) {
	t.Helper()
	var next atomic.Int64
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
				id, more := record(i)
				put(t, e, id, more)
			}
		})
	}
	group.Wait()
}

func get(t testing.TB, e *Engine, id string) table.Item {
	t.Helper()
	item, err := e.Get(t.Context(), jobs(), text(id), true)
	require.NoError(t, err)
	return item
}

// bump is an update from one version to the next.
func bump(id string, from int) table.Update {
	return table.Update{
		Key: text(id), Set: table.Item{"version": number(from + 1)}, Now: time.Now(),
		If: []table.Check{{Attribute: "version", Op: table.OpEquals, Value: number(from)}},
	}
}
