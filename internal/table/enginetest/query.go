package enginetest

import (
	"cmp"
	"fmt"
	"slices"
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
	require.True(t, slices.IsSortedFunc(newest, func(a, b string) int { return cmp.Compare(b, a) }))
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
		other, err := jobs.CursorAt("by_team", "a", 1.5)
		require.NoError(t, err)
		for _, s := range []table.Select{
			{Index: "by_state", Hash: "busy", Limit: 1, Cursor: other},
			{Index: "none", Hash: "busy", Limit: 1}, {Index: "by_state", Hash: 1, Limit: 1}, {Index: "by_state", Hash: "busy"},
			{Index: "by_state", Hash: "busy", Limit: 1, Cursor: "x"}, {Index: "by_state", Hash: "busy", Limit: 1, From: 7},
		} {
			_, err := jobs.Query(t.Context(), s)
			require.ErrorIs(t, err, table.ErrInvalid)
		}
	})
}
