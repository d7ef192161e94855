package dynamo

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/dynamotest"
	"github.com/statusd/statusd/internal/table"
)

// jobs is a table with a string key, an index, a version and a time to live.
func jobs(name string) *table.Schema {
	return &table.Schema{
		Table: name, Key: table.Attribute{Name: "id", Type: "S", Required: true}, Version: "version", TTL: "ends",
		Indexes: []table.Index{byState},
		Attributes: []table.Attribute{
			{Name: "id", Type: "S"}, {Name: "state", Type: "S"}, {Name: "at", Type: "N"},
			{Name: "version", Type: "N"}, {Name: "ends", Type: "N"}, {Name: "owner", Type: "S"},
		},
	}
}

var (
	byState = table.Index{Name: "by_state", Hash: "state", Range: "at", Projection: table.ProjectKeysOnly}
	byOwner = table.Index{Name: "by_owner", Hash: "owner", Projection: table.ProjectInclude, Include: []string{"at"}}
	noon    = time.Unix(1_700_000_000, 0)
)

func number(n int) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.Itoa(n)}
}

// newEngine returns an engine whose requests go by a proxy, and a new table
// that is gone after the test.
func newEngine(t *testing.T, opts ...Option) (*Engine, *dynamotest.Proxy, *table.Schema) {
	t.Helper()
	server := dynamotest.Start(t)
	proxy := dynamotest.NewProxy(t, server.Endpoint)
	s := jobs(dynamotest.TableName(t))
	e := New(NewClient(dynamotest.Config(t), proxy.Endpoint), append([]Option{Poll(time.Millisecond)}, opts...)...)
	require.NoError(t, e.CreateTable(t.Context(), s, table.Capacity{}))
	direct := NewClient(dynamotest.Config(t), server.Endpoint)
	t.Cleanup(func() {
		_, err := direct.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &s.Table})
		require.NoError(t, err)
	})
	proxy.Counts()
	return e, proxy, s
}

func put(t *testing.T, e *Engine, s *table.Schema, id string) {
	t.Helper()
	require.NoError(t, e.Put(t.Context(), s, table.Put{Item: table.Item{"id": text(id), "version": number(1)}, Now: noon}))
}

func bump(id string, from int) table.Update {
	return table.Update{
		Key: text(id), Set: table.Item{"version": number(from + 1)}, Now: noon,
		If: []table.Check{{Attribute: "version", Op: table.OpEquals, Value: number(from)}},
	}
}
