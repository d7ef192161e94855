package enginetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// plain is job's table without its indexes.
type plain struct {
	ID      string    `dynamodbav:"id" table:"key"`
	State   state     `dynamodbav:"state"`
	At      time.Time `dynamodbav:"at,omitempty"`
	Team    string    `dynamodbav:"team,omitempty"`
	Rank    float64   `dynamodbav:"rank,omitempty"`
	Version int64     `dynamodbav:"version" table:"version"`
	Ends    int64     `dynamodbav:"ends,omitempty" table:"ttl"`
	Size    int64     `dynamodbav:"size,omitempty"`
	Name    string    `dynamodbav:"name,omitempty"`
}

// plainIDs reads an index to its end.
func plainIDs(t *testing.T, plains *table.Table[plain], s table.Select) (ids []string) {
	t.Helper()
	for {
		page, err := plains.Query(t.Context(), s)
		require.NoError(t, err)
		for _, r := range page.Records {
			require.NoError(t, r.Err)
			ids = append(ids, r.Record.ID)
		}
		if s.Cursor = page.Cursor; s.Cursor == "" {
			return ids
		}
	}
}

// fill creates so many records, every other one done, from many goroutines.
func fill(plains *table.Table[plain], prefix string, count int) error {
	todo := make(chan int)
	failures := make(chan error, count)
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			for i := range todo {
				p := plain{ID: fmt.Sprint(prefix, i), State: "new", At: now.Add(time.Duration(i) * time.Millisecond), Version: 1}
				if i%2 == 0 {
					p.State = "done"
				}
				failures <- plains.Create(context.Background(), p)
			}
		})
	}
	for i := range count {
		todo <- i
	}
	close(todo)
	group.Wait()
	close(failures)
	var err error
	for failure := range failures {
		err = cmp.Or(err, failure)
	}
	return err
}

func testIndexes(t *testing.T, h Harness) {
	t.Run("one is made on a table that holds 5,000 records, and is written to", func(t *testing.T) {
		t.Parallel()
		plains := open[plain](t, h, h.Table(t))
		const count, more = 5000, 500
		require.NoError(t, fill(plains, "before-", count))
		require.NoError(t, plains.Create(t.Context(), plain{ID: "no range", State: "done", Version: 1}))
		filled := make(chan error, 1)
		go func() { filled <- fill(plains, "during-", more) }()
		index := table.Index{Name: "later", Hash: "state", Range: "at"}
		require.NoError(t, plains.CreateIndex(t.Context(), index))
		done := table.Select{Index: "later", Hash: "done", Limit: 700}
		require.GreaterOrEqual(t, len(plainIDs(t, plains, done)), count/2, "it is complete")
		require.NoError(t, <-filled)
		require.NoError(t, plains.CreateIndex(t.Context(), index), "again is no error")

		var ids []string
		eventually(t, func() bool { ids = plainIDs(t, plains, done); return len(ids) >= (count+more)/2 })
		slices.Sort(ids)
		require.Len(t, slices.Compact(ids), (count+more)/2)
		require.NotContains(t, ids, "no range")
	})
	t.Run("one of another shape is refused", func(t *testing.T) {
		t.Parallel()
		plains := open[plain](t, h, h.Table(t))
		index := table.Index{Name: "by_team", Hash: "team", Range: "rank", Projection: table.ProjectInclude, Include: []string{"name", "size"}}
		require.NoError(t, plains.CreateIndex(t.Context(), index))
		same := index
		same.Include = []string{"size", "name"}
		require.NoError(t, plains.CreateIndex(t.Context(), same), "in another order")
		for name, change := range map[string]func(*table.Index){
			"hash": func(i *table.Index) { i.Hash = "state" }, "range": func(i *table.Index) { i.Range = "at" }, "no range": func(i *table.Index) { i.Range = "" },
			"projection": func(i *table.Index) { i.Projection, i.Include = table.ProjectAll, nil }, "include": func(i *table.Index) { i.Include = []string{"name"} },
		} {
			other := index
			change(&other)
			err := plains.CreateIndex(t.Context(), other)
			require.ErrorIs(t, err, table.ErrSchema, name)
			require.ErrorContains(t, err, index.String())
			require.ErrorContains(t, err, other.String())
		}
		d, err := plains.Describe(t.Context())
		require.NoError(t, err)
		require.Len(t, d.Indexes, 1)
		require.True(t, d.Indexes[0].Equal(index))
	})
	t.Run("declared ones are added to a table that is there", func(t *testing.T) {
		t.Parallel()
		name := h.Table(t)
		plains := open[plain](t, h, name)
		require.NoError(t, plains.Create(t.Context(), plain{ID: "a", State: "busy", At: now, Team: "t", Rank: 1, Version: 1}))
		jobs := jobsNamed(t, h, name)
		for _, s := range []table.Select{{Index: "by_state", Hash: "busy", Limit: 5}, {Index: "by_team", Hash: "t", Limit: 5}} {
			require.Equal(t, []string{"a"}, idsOf(walk(t, jobs, s)), "they are complete")
		}
		d, err := jobs.Describe(t.Context())
		require.NoError(t, err)
		require.Len(t, d.Indexes, 2)
		for _, i := range d.Indexes {
			require.Equal(t, "ACTIVE", i.Status)
			require.True(t, slices.ContainsFunc(jobs.Schema().Indexes, i.Equal), i.String())
		}
		open[plain](t, h, name) // those that are not declared are no difference
	})
	t.Run("an attribute that is not there is refused", func(t *testing.T) {
		t.Parallel()
		plains := open[plain](t, h, h.Table(t))
		for _, i := range []table.Index{
			{Name: "bad", Hash: "nick"}, {Name: "bad", Hash: "state", Range: "nick"}, {Name: "bad"}, {Hash: "state"},
			{Name: "bad", Hash: "state", Projection: table.ProjectInclude, Include: []string{"nick"}},
		} {
			require.ErrorIs(t, plains.CreateIndex(t.Context(), i), table.ErrInvalid)
		}
		d, err := plains.Describe(t.Context())
		require.NoError(t, err)
		require.Empty(t, d.Indexes)
	})
	t.Run("one without a range", func(t *testing.T) {
		t.Parallel()
		plains := open[plain](t, h, h.Table(t))
		require.NoError(t, plains.CreateIndex(t.Context(), table.Index{Name: "by_name", Hash: "name"}))
		for i := range 7 {
			require.NoError(t, plains.Create(t.Context(), plain{ID: fmt.Sprint(i), State: "new", Name: "n", Version: 1}))
		}
		require.NoError(t, plains.Create(t.Context(), plain{ID: "nameless", State: "new", Version: 1}))
		byName := table.Select{Index: "by_name", Hash: "n", Limit: 2}
		var ids []string
		eventually(t, func() bool { ids = plainIDs(t, plains, byName); return len(ids) >= 7 })
		byName.Oldest = true
		back := plainIDs(t, plains, byName)
		slices.Reverse(back)
		require.Equal(t, ids, back)
		slices.Sort(ids)
		require.Equal(t, []string{"0", "1", "2", "3", "4", "5", "6"}, ids)
	})
	t.Run("one is made by several at once", func(t *testing.T) {
		t.Parallel()
		plains := open[plain](t, h, h.Table(t))
		failures := make(chan error)
		for range 4 {
			go func() {
				failures <- plains.CreateIndex(context.Background(), table.Index{Name: "by_name", Hash: "name"})
			}()
		}
		for range 4 {
			require.NoError(t, <-failures)
		}
	})
}
