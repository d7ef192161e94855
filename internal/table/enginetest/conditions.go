package enginetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

func testConditions(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	j := create(t, jobs, job{ID: "a", At: now, Version: 5, Name: "m", Size: 10, Done: true})
	for _, c := range []struct {
		name      string
		condition table.Condition
		holds     bool
	}{
		{"the version is", table.VersionIs(5), true},
		{"the version is another", table.VersionIs(4), false},
		{"absent", table.Absent("team"), true},
		{"not absent", table.Absent("name"), false},
		{"equal text", table.Equals("name", "m"), true},
		{"other text", table.Equals("name", "M"), false},
		{"equal number", table.Equals("size", 10), true},
		{"equal number in another form", table.Equals("size", number("1.0E1")), true},
		{"equal time", table.Equals("at", now), true},
		{"equal bool", table.Equals("done", true), true},
		{"other bool", table.Equals("done", false), false},
		{"equal to what is absent", table.Equals("team", "x"), false},
		{"equal, but of another type", table.Equals("size", text("10")), false},
		{"below", table.Below("size", 11), true},
		{"not below itself", table.Below("size", 10), false},
		{"below by value, not by digits", table.Below("size", 9), false},
		{"text below", table.Below("name", "n"), true},
		{"time below", table.Below("at", now.Add(time.Millisecond)), true},
		{"absent is below nothing", table.Below("rank", 100), false},
		{"below, but of another type", table.Below("size", text("z")), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := jobs.Update(t.Context(), "a", set("size", 10), c.condition)
			if c.holds {
				require.NoError(t, err)
			} else {
				found = conflict(t, err, table.ErrConflict)
			}
			require.Equal(t, j, found)
		})
	}
	_, err := jobs.Update(t.Context(), "a", set("size", 11), table.VersionIs(5), table.Equals("name", "x"))
	require.Equal(t, j, conflict(t, err, table.ErrConflict), "all have to hold")
	_, err = jobs.Update(t.Context(), "nobody", set("size", 11), table.Absent("name"))
	require.ErrorIs(t, err, table.ErrNotFound, "what is not there lacks nothing")
	_, err = jobs.Delete(t.Context(), "nobody", table.Absent("name"))
	require.ErrorIs(t, err, table.ErrNotFound)
	_, err = jobs.Update(t.Context(), "a", set("size", 11), table.VersionIs(5), table.Equals("size", 10), table.Absent("team"), table.Below("size", 11))
	require.NoError(t, err, "the changes are made after the conditions are met")
}
