package enginetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// testMoves changes an index between two pages of a walk. What stays is seen
// just once; what leaves, enters or moves is seen where the walk meets it, if
// it does.
func testMoves(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	at := func(i int) time.Time { return now.Add(time.Duration(i) * time.Second) }
	for i := range 20 {
		create(t, jobs, job{ID: fmt.Sprintf("%02d", i), State: "busy", At: at(i), Version: 1})
	}
	busy := table.Select{Index: "by_state", Hash: "busy", Limit: 5}
	shows := func(state string, ids ...string) {
		t.Helper()
		eventually(t, func() bool {
			return slices.Equal(ids, idsOf(walk(t, jobs, table.Select{Index: "by_state", Hash: state, Limit: 50})))
		})
	}
	eventually(t, func() bool { return len(idsOf(walk(t, jobs, busy))) == 20 })
	first, err := jobs.Query(t.Context(), busy)
	require.NoError(t, err)
	require.Equal(t, "15", first.Records[4].Record.ID)

	for _, id := range []string{"15", "10", "18"} { // the one that the cursor stands on among them
		_, err := jobs.Update(t.Context(), id, set("state", "done"))
		require.NoError(t, err)
	}
	_, err = jobs.Update(t.Context(), "00", set("at", at(30))) // from ahead of the walk to behind it
	require.NoError(t, err)
	_, err = jobs.Update(t.Context(), "19", set("at", at(3).Add(time.Millisecond))) // and the other way
	require.NoError(t, err)
	_, err = jobs.Update(t.Context(), "01", table.Changes{Remove: []string{"at"}}) // out of the index
	require.NoError(t, err)
	_, err = jobs.Update(t.Context(), "02", set("version", 2)) // not at all
	require.NoError(t, err)
	_, err = jobs.Delete(t.Context(), "12")
	require.NoError(t, err)
	create(t, jobs, job{ID: "new", State: "busy", At: at(8).Add(time.Millisecond), Version: 1})
	shows("done", "18", "15", "10")
	shows("busy", "00", "17", "16", "14", "13", "11", "09", "new", "08", "07", "06", "05", "04", "19", "03", "02")

	rest := busy
	rest.Cursor = first.Cursor
	require.Equal(t, []string{"14", "13", "11", "09", "new", "08", "07", "06", "05", "04", "19", "03", "02"}, idsOf(walk(t, jobs, rest)))

	_, err = jobs.Update(t.Context(), "01", set("at", at(1)))
	require.NoError(t, err)
	for _, id := range []string{"00", "02", "03", "04", "05", "06", "07", "08", "09", "11", "13", "14", "16", "17", "19", "new"} {
		_, err := jobs.Delete(t.Context(), id)
		require.NoError(t, err)
	}
	shows("busy", "01")
}
