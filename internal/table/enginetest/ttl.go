package enginetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// testTimeToLive has records past their time, which stores remove when they
// come round to it: they are absent from the first moment.
func testTimeToLive(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	dead := func(t *testing.T, id string, ends int64) {
		t.Helper()
		create(t, jobs, job{ID: id, State: "busy", At: now, Team: "dead", Rank: 1, Version: 9, Ends: ends})
	}
	for name, ends := range map[string]int64{"past its time": past, "at its time": now.Unix()} {
		t.Run(name, func(t *testing.T) {
			id := name
			dead(t, id, ends)
			_, err := jobs.Get(t.Context(), id, table.Consistent())
			require.ErrorIs(t, err, table.ErrNotFound)
			found, err := jobs.GetMany(t.Context(), []any{id}, table.Consistent())
			require.NoError(t, err)
			require.ErrorIs(t, found[0].Err, table.ErrNotFound)
			for _, condition := range [][]table.Condition{nil, {table.VersionIs(9)}, {table.Absent("name")}, {table.Equals("state", "busy")}, {table.Below("version", 10)}} {
				_, err = jobs.Update(t.Context(), id, set("version", 10), condition...)
				require.ErrorIs(t, err, table.ErrNotFound)
				_, err = jobs.Delete(t.Context(), id, condition...)
				require.ErrorIs(t, err, table.ErrNotFound)
			}
			anew := create(t, jobs, job{ID: id, Version: 1})
			require.Equal(t, anew, get(t, jobs, id), "nothing is left of the dead one")
		})
	}
	t.Run("before its time", func(t *testing.T) {
		j := create(t, jobs, job{ID: "live", Version: 1, Ends: now.Unix() + 1})
		require.Equal(t, j, get(t, jobs, "live"))
		require.ErrorIs(t, jobs.Create(t.Context(), j), table.ErrExists)
		_, err := jobs.Update(t.Context(), "live", set("version", 2))
		require.NoError(t, err)
	})
	t.Run("one that has ended is in no page and no scan", func(t *testing.T) {
		type plain struct {
			ID   string `dynamodbav:"id" table:"key"`
			Hash string `dynamodbav:"hash" table:"index=by_hash"`
			Ends int64  `dynamodbav:"ends,omitempty" table:"ttl"`
		}
		plains := open[plain](t, h, h.Table(t))
		want := []plain{{"live", "h", now.Unix() + 1}, {"plain", "h", 0}}
		for _, p := range append(want, plain{"dead", "h", now.Unix()}, plain{"long dead", "h", 1}) {
			require.NoError(t, plains.Create(t.Context(), p))
		}
		var found []plain
		for p, err := range plains.Scan(t.Context()) {
			require.NoError(t, err)
			found = append(found, p)
		}
		require.ElementsMatch(t, want, found)
		eventually(t, func() bool {
			found = nil
			for s := (table.Select{Index: "by_hash", Hash: "h", Limit: 2}); ; {
				page, err := plains.Query(t.Context(), s)
				require.NoError(t, err)
				for _, r := range page.Records {
					require.NoError(t, r.Err)
					found = append(found, r.Record)
				}
				if s.Cursor = page.Cursor; s.Cursor == "" {
					return len(found) >= len(want)
				}
			}
		})
		require.ElementsMatch(t, want, found)
	})
	t.Run("a record may be given an end, and lose it", func(t *testing.T) {
		create(t, jobs, job{ID: "ending", Version: 1, Ends: now.Unix() + 1})
		after, err := jobs.Update(t.Context(), "ending", table.Changes{Remove: []string{"ends"}}, table.Equals("ends", now.Unix()+1))
		require.NoError(t, err)
		require.Zero(t, after.Ends)
		_, err = jobs.Update(t.Context(), "ending", set("ends", now.Unix()))
		require.NoError(t, err)
		_, err = jobs.Update(t.Context(), "ending", table.Changes{Remove: []string{"ends"}})
		require.ErrorIs(t, err, table.ErrNotFound)
	})
	t.Run("one that is no number is none", func(t *testing.T) {
		engine := unwatched(t, h)
		endless := table.Item{"id": text("text"), "ends": text("1")}
		put(t, h, jobs.Schema(), endless)
		var failed *table.ConditionError
		require.ErrorAs(t, engine.Put(t.Context(), jobs.Schema(), table.Put{Item: endless, Now: now}), &failed)
		require.Equal(t, endless, failed.Found)
		_, err := engine.Update(t.Context(), jobs.Schema(), table.Update{Key: text("text"), Set: table.Item{"x": text("y")}, Now: now})
		require.NoError(t, err)
	})
}
