package enginetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// walk reads an index to its end and returns the records of each page.
func walk(t *testing.T, jobs *table.Table[job], s table.Select) (pages [][]job) {
	t.Helper()
	for {
		page, err := jobs.Query(t.Context(), s)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Records), s.Limit)
		var records []job
		for _, r := range page.Records {
			require.NoError(t, r.Err)
			records = append(records, r.Record)
		}
		pages = append(pages, records)
		if page.Cursor == "" {
			return pages
		}
		require.Less(t, len(pages), 1000, "the walk ends")
		s.Cursor = page.Cursor
	}
}

func idsOf(pages [][]job) (ids []string) {
	for _, j := range slices.Concat(pages...) {
		ids = append(ids, j.ID)
	}
	return ids
}

func testQuery(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	const count = 23
	for i := range count {
		create(t, jobs, job{ID: fmt.Sprintf("busy-%02d", i), State: "busy", At: now.Add(time.Duration(i) * time.Second), Version: 1, Name: "n", Size: 3, Team: "t", Rank: float64(i%3) - 4})
	}
	create(t, jobs, job{ID: "no range", State: "busy", Team: "t", Version: 1})
	create(t, jobs, job{ID: "no hash", State: "new", At: now, Rank: 5, Version: 1})
	busy := table.Select{Index: "by_state", Hash: "busy", Limit: 5}
	eventually(t, func() bool { return len(idsOf(walk(t, jobs, busy))) == count })
	eventually(t, func() bool {
		return len(idsOf(walk(t, jobs, table.Select{Index: "by_team", Hash: "t", Limit: 50}))) == count
	})

	newest := idsOf(walk(t, jobs, busy))
	require.Equal(t, "busy-22", newest[0])
	require.True(t, slices.IsSortedFunc(newest, func(a, b string) int { return -compare(a, b) }))
	oldest := busy
	oldest.Oldest = true
	slices.Reverse(newest)
	require.Equal(t, newest, idsOf(walk(t, jobs, oldest)))

	t.Run("begins where it is told", func(t *testing.T) {
		from := busy
		from.From = now.Add(4 * time.Second)
		require.Equal(t, []string{"busy-04", "busy-03", "busy-02", "busy-01", "busy-00"}, idsOf(walk(t, jobs, from)))
		from.Oldest, from.From = true, now.Add(21*time.Second)
		require.Equal(t, []string{"busy-21", "busy-22"}, idsOf(walk(t, jobs, from)))
	})
	t.Run("goes on after a record that may be gone", func(t *testing.T) {
		after := busy
		var err error
		after.Cursor, err = jobs.CursorAt("by_state", "never there", now.Add(2500*time.Millisecond))
		require.NoError(t, err)
		require.Equal(t, []string{"busy-02", "busy-01", "busy-00"}, idsOf(walk(t, jobs, after)))
	})
	t.Run("walks over equal ranges once each, numbers by value", func(t *testing.T) {
		for _, limit := range []int{1, 4, 100} {
			pages := walk(t, jobs, table.Select{Index: "by_team", Hash: "t", Limit: limit, Oldest: true})
			all := slices.Concat(pages...)
			require.Len(t, all, count)
			require.True(t, slices.IsSortedFunc(all, func(a, b job) int { return int(a.Rank - b.Rank) }))
			ids := idsOf(pages)
			slices.Sort(ids)
			require.Len(t, slices.Compact(ids), count)
		}
	})
	t.Run("holds what the index projects", func(t *testing.T) {
		keys := walk(t, jobs, busy)[0][0]
		require.Equal(t, job{ID: "busy-22", State: "busy", At: now.Add(22 * time.Second)}, keys)
		include := walk(t, jobs, table.Select{Index: "by_team", Hash: "t", Limit: 1, Oldest: true})[0][0]
		require.Equal(t, job{ID: include.ID, Team: "t", Rank: -4, Name: "n", Size: 3}, include)
	})
	t.Run("finds nothing where nothing is", func(t *testing.T) {
		require.Equal(t, [][]job{nil}, walk(t, jobs, table.Select{Index: "by_team", Hash: "nobody", Limit: 1}))
	})
	t.Run("refuses what is no query", func(t *testing.T) {
		for _, s := range []table.Select{
			{Index: "none", Hash: "busy", Limit: 1}, {Index: "by_state", Hash: 1, Limit: 1}, {Index: "by_state", Hash: "busy"},
			{Index: "by_state", Hash: "busy", Limit: 1, Cursor: "x"}, {Index: "by_state", Hash: "busy", Limit: 1, From: 7},
		} {
			_, err := jobs.Query(t.Context(), s)
			require.ErrorIs(t, err, table.ErrInvalid)
		}
	})
	t.Run("pages while records move", func(t *testing.T) {
		first, err := jobs.Query(t.Context(), busy)
		require.NoError(t, err)
		for _, id := range []string{"busy-22", "busy-10", "busy-11"} {
			_, err := jobs.Update(t.Context(), id, set("state", "done"))
			require.NoError(t, err)
		}
		_, err = jobs.Delete(t.Context(), "busy-12")
		require.NoError(t, err)
		eventually(t, func() bool { return len(idsOf(walk(t, jobs, busy))) == count-4 })
		rest := busy
		rest.Cursor = first.Cursor
		ids := idsOf(walk(t, jobs, rest))
		require.Len(t, ids, count-5-3)
		require.NotContains(t, ids, "busy-22")
		require.Equal(t, "busy-17", ids[0], "it goes on where it stood")
		eventually(t, func() bool {
			return slices.Equal([]string{"busy-22", "busy-11", "busy-10"}, idsOf(walk(t, jobs, table.Select{Index: "by_state", Hash: "done", Limit: 5})))
		})
	})
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// plainJob is job's table without its indexes.
type plainJob struct {
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

func testIndexes(t *testing.T, h Harness) {
	t.Run("one is made on a table that holds 5,000 records", func(t *testing.T) {
		t.Parallel()
		name := h.Table(t)
		plain := open[plainJob](t, h, name)
		const count = 5000
		todo := make(chan int)
		var group sync.WaitGroup
		for range 64 {
			group.Go(func() {
				for i := range todo {
					r := plainJob{ID: fmt.Sprint(i), State: "new", At: now.Add(time.Duration(i) * time.Millisecond), Version: 1}
					if i%2 == 0 {
						r.State = "done"
					}
					if err := plain.Create(context.Background(), r); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for i := range count {
			todo <- i
		}
		close(todo)
		group.Wait()
		index := table.Index{Name: "later", Hash: "state", Range: "at"}
		require.NoError(t, plain.CreateIndex(t.Context(), index))
		require.NoError(t, plain.CreateIndex(t.Context(), index), "again is no error")
		found, cursor := 0, ""
		for {
			page, err := plain.Query(t.Context(), table.Select{Index: "later", Hash: "done", Limit: 1000, Cursor: cursor})
			require.NoError(t, err)
			found += len(page.Records)
			if cursor = page.Cursor; cursor == "" {
				break
			}
		}
		require.Equal(t, count/2, found)
		index.Range = ""
		require.ErrorIs(t, plain.CreateIndex(t.Context(), index), table.ErrSchema)
	})
	t.Run("declared ones are added to a table that is there", func(t *testing.T) {
		t.Parallel()
		name := h.Table(t)
		plain := open[plainJob](t, h, name)
		require.NoError(t, plain.Create(t.Context(), plainJob{ID: "a", State: "busy", At: now, Team: "t", Rank: 1, Version: 1}))
		jobs := jobsNamed(t, h, name)
		for _, s := range []table.Select{{Index: "by_state", Hash: "busy", Limit: 5}, {Index: "by_team", Hash: "t", Limit: 5}} {
			eventually(t, func() bool { return len(idsOf(walk(t, jobs, s))) == 1 })
		}
		d, err := jobs.Describe(t.Context())
		require.NoError(t, err)
		require.Len(t, d.Indexes, 2)
		for _, i := range d.Indexes {
			require.Equal(t, "ACTIVE", i.Status)
		}
	})
	t.Run("an attribute that is not there is refused", func(t *testing.T) {
		t.Parallel()
		plain := open[plainJob](t, h, h.Table(t))
		for _, i := range []table.Index{
			{Name: "bad", Hash: "nick"}, {Name: "bad", Hash: "state", Range: "nick"},
			{Name: "bad", Hash: "state", Projection: table.ProjectInclude, Include: []string{"nick"}},
		} {
			require.ErrorIs(t, plain.CreateIndex(t.Context(), i), table.ErrInvalid)
		}
	})
	t.Run("one without a range", func(t *testing.T) {
		t.Parallel()
		plain := open[plainJob](t, h, h.Table(t))
		require.NoError(t, plain.CreateIndex(t.Context(), table.Index{Name: "by_name", Hash: "name"}))
		for i := range 7 {
			require.NoError(t, plain.Create(t.Context(), plainJob{ID: fmt.Sprint(i), State: "new", Name: "n", Version: 1}))
		}
		ids := make(map[string]bool)
		eventually(t, func() bool {
			clear(ids)
			s := table.Select{Index: "by_name", Hash: "n", Limit: 2}
			for {
				page, err := plain.Query(t.Context(), s)
				require.NoError(t, err)
				for _, r := range page.Records {
					require.False(t, ids[r.Record.ID])
					ids[r.Record.ID] = true
				}
				if s.Cursor = page.Cursor; s.Cursor == "" {
					return len(ids) == 7
				}
			}
		})
	})
}

func testTables(t *testing.T, h Harness) {
	t.Run("one is made by several at once, and again", func(t *testing.T) {
		t.Parallel()
		name := h.Table(t)
		engine := h.Engine(t, func(table.Call) {})
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
		declared, err := table.New[job](h.Engine(t, func(table.Call) {}), "no-such-table")
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
	declared, err := table.New[T](h.Engine(t, func(table.Call) {}), name)
	require.NoError(t, err)
	err = declared.CreateTable(t.Context(), table.Capacity{})
	require.ErrorIs(t, err, table.ErrSchema)
	require.ErrorContains(t, err, difference)
}
