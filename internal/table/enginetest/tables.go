package enginetest

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

func testTables(t *testing.T, h Harness) {
	t.Run("one is made by several at once, and again", func(t *testing.T) {
		t.Parallel()
		name := h.Table(t)
		engine := unwatched(t, h)
		var group sync.WaitGroup
		failures := make(chan error, 4)
		for range 4 {
			group.Go(func() {
				declared, err := table.New[job](engine, name)
				if err == nil {
					err = declared.CreateTable(t.Context(), table.Capacity{})
				}
				failures <- err
			})
		}
		group.Wait()
		for range 4 {
			require.NoError(t, <-failures)
		}
		jobs := jobsNamed(t, h, name)
		d, err := jobs.Describe(t.Context())
		require.NoError(t, err)
		require.Equal(t, name, d.Table)
		require.Equal(t, "ACTIVE", d.Status)
		require.Equal(t, "id", d.Key.Name)
		require.Equal(t, "S", d.Key.Type)
		require.Equal(t, "ends", d.TTL)
	})
	t.Run("another table of that name is refused, and the difference named", func(t *testing.T) {
		t.Parallel()
		name := h.Table(t)
		jobsNamed(t, h, name)
		type otherKey struct {
			Name string `dynamodbav:"name" table:"key"`
		}
		type otherType struct {
			ID int `dynamodbav:"id" table:"key"`
		}
		type otherTTL struct {
			ID   string `dynamodbav:"id" table:"key"`
			Ends int64  `dynamodbav:"size" table:"ttl"`
		}
		type otherIndex struct {
			ID    string `dynamodbav:"id" table:"key"`
			State string `dynamodbav:"state" table:"index=by_state"`
		}
		refused[otherKey](t, h, name, "key is id, not name")
		refused[otherType](t, h, name, "id is a S, not a N")
		refused[otherTTL](t, h, name, `"ends", not "size"`)
		refused[otherIndex](t, h, name, "by_state")
	})
	t.Run("one that is not there", func(t *testing.T) {
		t.Parallel()
		declared, err := table.New[job](unwatched(t, h), "no-such-table")
		require.NoError(t, err)
		_, err = declared.Describe(t.Context())
		require.ErrorIs(t, err, table.ErrNotFound)
		_, err = declared.Get(t.Context(), "a")
		require.ErrorIs(t, err, table.ErrUnavailable)
		require.ErrorIs(t, declared.CreateIndex(t.Context(), table.Index{Name: "by_name", Hash: "name"}), table.ErrSchema)
	})
}

// refused expects that T can't be the table of that name.
func refused[T any](t *testing.T, h Harness, name, difference string) {
	t.Helper()
	declared, err := table.New[T](unwatched(t, h), name)
	require.NoError(t, err)
	err = declared.CreateTable(t.Context(), table.Capacity{})
	require.ErrorIs(t, err, table.ErrSchema)
	require.ErrorContains(t, err, difference)
}
