package enginetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

func testGet(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	_, err := jobs.Get(t.Context(), "nobody")
	require.ErrorIs(t, err, table.ErrNotFound)
	j := create(t, jobs, job{ID: "a", Version: 1})
	require.Equal(t, j, get(t, jobs, "a"))

	t.Run("a value that T cannot hold is an error that names it", func(t *testing.T) {
		put(t, h, jobs.Schema(), table.Item{"id": text("odd"), "state": text("lost"), "version": number("1")})
		_, err := jobs.Get(t.Context(), "odd", table.Consistent())
		var corrupt *table.CorruptError
		require.ErrorAs(t, err, &corrupt)
		require.Equal(t, "state", corrupt.Problem.Attribute)
		require.ErrorContains(t, err, `"odd"`)
	})
	t.Run("what was read is the caller's own", func(t *testing.T) {
		stored := table.Item{"id": text("own"), "list": &types.AttributeValueMemberL{Value: []types.AttributeValue{text("x")}}}
		put(t, h, jobs.Schema(), stored)
		stored["list"].(*types.AttributeValueMemberL).Value[0] = text("y")
		found := item(t, h, jobs.Schema(), "own")
		require.Equal(t, &types.AttributeValueMemberL{Value: []types.AttributeValue{text("x")}}, found["list"])
		found["list"].(*types.AttributeValueMemberL).Value[0] = text("z")
		require.Equal(t, &types.AttributeValueMemberL{Value: []types.AttributeValue{text("x")}}, item(t, h, jobs.Schema(), "own")["list"])
	})
	require.NoError(t, jobs.Ping(t.Context()))
}

func testGetMany(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	var keys []any
	for i := range 230 {
		id := fmt.Sprintf("job-%03d", i)
		if i%2 == 0 {
			create(t, jobs, job{ID: id, Version: int64(i)})
		}
		keys = append(keys, id)
	}
	keys = append(keys, "job-000")
	engine := unwatched(t, h)
	_, err := engine.Update(t.Context(), jobs.Schema(), table.Update{Key: text("job-002"), Set: table.Item{"version": text("x")}, Now: now})
	require.NoError(t, err)
	results, err := jobs.GetMany(t.Context(), keys, table.Consistent())
	require.NoError(t, err)
	require.Len(t, results, len(keys))
	for i, r := range results {
		switch {
		case i == 2:
			require.ErrorIs(t, r.Err, table.ErrCorrupt)
		case i%2 == 0:
			require.NoError(t, r.Err)
			require.Equal(t, keys[i], r.Record.ID)
		default:
			require.ErrorIs(t, r.Err, table.ErrNotFound)
		}
	}
	none, err := jobs.GetMany(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func testScan(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	want := make(map[string]bool)
	for i := range 1203 {
		j := job{ID: fmt.Sprint(i), Version: 1}
		if i%100 == 0 {
			j.Ends = past
		} else {
			want[j.ID] = true
		}
		create(t, jobs, j)
	}
	engine := unwatched(t, h)
	_, err := engine.Update(t.Context(), jobs.Schema(), table.Update{Key: text("7"), Set: table.Item{"version": text("x")}, Now: now})
	require.NoError(t, err)
	delete(want, "7")
	unreadable := 0
	for j, err := range jobs.Scan(t.Context()) {
		if errors.Is(err, table.ErrCorrupt) {
			unreadable++
			continue
		}
		require.NoError(t, err)
		require.True(t, want[j.ID], j.ID)
		delete(want, j.ID)
	}
	require.Empty(t, want)
	require.Equal(t, 1, unreadable)
	for range jobs.Scan(t.Context()) {
		break // a reader may stop
	}
}
