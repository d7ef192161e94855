package enginetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

func testCreate(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	t.Run("stores the record", func(t *testing.T) {
		j := create(t, jobs, job{ID: "whole", At: now, Team: "a", Rank: 1.5, Version: 3, Name: "n", Size: 7,
			Odd: "o", Tags: map[string]string{"k": "v"}, Steps: []string{"x", ""}, Done: true})
		require.Equal(t, j, get(t, jobs, "whole"))
	})
	t.Run("never overwrites, and carries the record that is there", func(t *testing.T) {
		j := create(t, jobs, job{ID: "twice", Version: 1, Name: "first"})
		err := jobs.Create(t.Context(), job{ID: "twice", State: "done", Version: 2, Name: "second"})
		require.Equal(t, j, conflict(t, err, table.ErrExists))
		require.Equal(t, j, get(t, jobs, "twice"))
	})
	t.Run("one of many at once is the first", func(t *testing.T) {
		var group sync.WaitGroup
		outcomes := make([]error, 16)
		for i := range outcomes {
			group.Go(func() {
				outcomes[i] = jobs.Create(t.Context(), job{ID: "race", State: "new", Version: int64(i + 1)})
			})
		}
		group.Wait()
		won := 0
		for i, err := range outcomes {
			if err == nil {
				won++
				require.EqualValues(t, i+1, get(t, jobs, "race").Version)
			} else {
				require.ErrorIs(t, err, table.ErrExists)
			}
		}
		require.Equal(t, 1, won)
	})
	t.Run("does not overwrite what T can't hold", func(t *testing.T) {
		unreadable := table.Item{"id": text("unreadable"), "state": text("lost"), "version": number("1")}
		put(t, h, jobs.Schema(), unreadable)
		err := jobs.Create(t.Context(), job{ID: "unreadable", State: "new"})
		require.ErrorIs(t, err, table.ErrCorrupt)
		require.Equal(t, unreadable, item(t, h, jobs.Schema(), "unreadable"))
	})
	t.Run("takes names and values", func(t *testing.T) {
		made, err := jobs.CreateFrom(t.Context(), map[string]any{"id": "from", "state": "busy", "version": 1, "at": "2030-01-02T03:04:05Z", "rank": 2})
		require.NoError(t, err)
		require.Equal(t, made, get(t, jobs, "from"))
		require.Equal(t, time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), made.At)
		_, err = jobs.CreateFrom(t.Context(), map[string]any{"id": "bad", "state": "lost", "rank": "high", "nick": 1})
		require.ErrorIs(t, err, table.ErrInvalid)
		for _, name := range []string{"state", "rank", "nick", "version"} {
			require.ErrorContains(t, err, name+":")
		}
		_, err = jobs.Get(t.Context(), "bad", table.Consistent())
		require.ErrorIs(t, err, table.ErrNotFound)
	})
}
