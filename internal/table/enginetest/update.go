package enginetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

func testUpdate(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	t.Run("sets and removes, and returns the record after", func(t *testing.T) {
		create(t, jobs, job{ID: "a", Version: 1, Name: "old", Size: 4, Odd: "o"})
		after, err := jobs.Update(t.Context(), "a", table.Changes{
			Set:    map[string]any{"name": "new", "tags": map[string]string{"x": "y"}, "a.b #c:d e": "p", "state": "busy"},
			Remove: []string{"size"},
		})
		require.NoError(t, err)
		require.Equal(t, job{ID: "a", State: "busy", Version: 1, Name: "new", Odd: "p", Tags: map[string]string{"x": "y"}}, after)
		require.Equal(t, after, get(t, jobs, "a"))
	})
	t.Run("makes one record into another", func(t *testing.T) {
		before := create(t, jobs, job{ID: "before", Version: 1, Name: "n", Size: 4, Tags: map[string]string{"x": "y"}})
		after := before
		after.Version, after.Name, after.Size, after.State = 2, "", 5, "busy"
		require.NoError(t, jobs.Replace(t.Context(), "before", before, after, table.VersionIs(1)))
		require.Equal(t, after, get(t, jobs, "before"))
		require.Equal(t, after, conflict(t, jobs.Replace(t.Context(), "before", before, after, table.VersionIs(1)), table.ErrConflict))
		require.ErrorIs(t, jobs.Replace(t.Context(), "before", after, after), table.ErrInvalid)
	})
	t.Run("makes none that is not there", func(t *testing.T) {
		_, err := jobs.Update(t.Context(), "nobody", set("name", "x"))
		require.ErrorIs(t, err, table.ErrNotFound)
		_, err = jobs.Get(t.Context(), "nobody", table.Consistent())
		require.ErrorIs(t, err, table.ErrNotFound)
	})
	t.Run("refuses the key, and what is ill-typed", func(t *testing.T) {
		create(t, jobs, job{ID: "b", Version: 1})
		for _, changes := range []table.Changes{
			{}, set("id", "c"), {Remove: []string{"id"}}, set("version", "x"), set("state", "lost"), {Remove: []string{"state"}}, set("nick", 1),
		} {
			_, err := jobs.Update(t.Context(), "b", changes)
			require.ErrorIs(t, err, table.ErrInvalid)
		}
		require.EqualValues(t, 1, get(t, jobs, "b").Version)
	})
	t.Run("leaves alone what T does not know", func(t *testing.T) {
		foreign := &types.AttributeValueMemberSS{Value: []string{"x"}}
		put(t, h, jobs.Schema(), table.Item{"id": text("known"), "state": text("new"), "version": number("1"), "foreign": foreign})
		_, err := jobs.Update(t.Context(), "known", table.Changes{Set: map[string]any{"name": "x"}, Remove: []string{"size"}})
		require.NoError(t, err)
		require.Equal(t, foreign, item(t, h, jobs.Schema(), "known")["foreign"])
		_, err = jobs.Update(t.Context(), "known", table.Changes{Remove: []string{"foreign"}})
		require.NoError(t, err)
		require.NotContains(t, item(t, h, jobs.Schema(), "known"), "foreign")
	})
	t.Run("removes what is not there", func(t *testing.T) {
		create(t, jobs, job{ID: "c", Version: 1})
		_, err := jobs.Update(t.Context(), "c", table.Changes{Remove: []string{"size"}})
		require.NoError(t, err)
	})
	t.Run("is one call", func(t *testing.T) {
		create(t, jobs, job{ID: "d", Version: 1})
		var mu sync.Mutex
		var calls []table.Call
		watched, err := table.New[job](h.Engine(t, func(c table.Call) {
			mu.Lock()
			defer mu.Unlock()
			if c.Table == jobs.Schema().Table { // an engine may serve others, too
				calls = append(calls, c)
			}
		}), jobs.Schema().Table)
		require.NoError(t, err)
		_, err = watched.Update(t.Context(), "d", set("version", 2), table.VersionIs(1))
		require.NoError(t, err)
		_, err = watched.Update(t.Context(), "d", set("version", 2), table.VersionIs(1))
		require.ErrorIs(t, err, table.ErrConflict)
		require.Len(t, calls, 2)
		for _, c := range calls {
			require.Equal(t, "UpdateItem", c.Operation)
			require.Positive(t, c.Duration)
		}
		require.NoError(t, calls[0].Err)
		var failed *table.ConditionError
		require.ErrorAs(t, calls[1].Err, &failed)
	})
}

func testCounting(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	create(t, jobs, job{ID: "counter", Version: 1})
	const writers = 64 // each fails only when another one has written: at most so often
	var group sync.WaitGroup
	failures := make(chan error, writers)
	for range writers {
		group.Go(func() {
			var err error
			version := int64(1)
			for range writers {
				_, err = jobs.Update(t.Context(), "counter", set("version", version+1), table.VersionIs(version))
				var failed *table.ConflictError[job]
				if !errors.As(err, &failed) {
					break
				}
				version = failed.Found.Version
			}
			failures <- err
		})
	}
	group.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	require.EqualValues(t, writers+1, get(t, jobs, "counter").Version)
}

// testCancelled gives every operation a context that has ended.
func testCancelled(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	j := create(t, jobs, job{ID: "a", State: "busy", At: now, Version: 1})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, operation := range map[string]func() error{
		"create":  func() error { return jobs.Create(ended, job{ID: "b", State: "new"}) },
		"get":     func() error { _, err := jobs.Get(ended, "a"); return err },
		"getmany": func() error { _, err := jobs.GetMany(ended, []any{"a", "b"}); return err },
		"update":  func() error { _, err := jobs.Update(ended, "a", set("version", 2)); return err },
		"delete":  func() error { _, err := jobs.Delete(ended, "a"); return err },
		"query": func() error {
			_, err := jobs.Query(ended, table.Select{Index: "by_state", Hash: "busy", Limit: 1})
			return err
		},
		"scan": func() error {
			for _, err := range jobs.Scan(ended) {
				return err
			}
			return nil
		},
		"ping":     func() error { return jobs.Ping(ended) },
		"describe": func() error { _, err := jobs.Describe(ended); return err },
	} {
		err := operation()
		require.ErrorIs(t, err, table.ErrUnavailable, name)
		require.ErrorIs(t, err, context.Canceled, name)
	}
	require.Equal(t, j, get(t, jobs, "a"))
	_, err := jobs.Get(t.Context(), "b", table.Consistent())
	require.ErrorIs(t, err, table.ErrNotFound, "nothing was written")
}
