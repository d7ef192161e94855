package enginetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

func testDelete(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	j := create(t, jobs, job{ID: "a", Version: 5, Name: "m"})
	_, err := jobs.Delete(t.Context(), "a", table.VersionIs(4))
	require.Equal(t, j, conflict(t, err, table.ErrConflict))
	was, err := jobs.Delete(t.Context(), "a", table.VersionIs(5))
	require.NoError(t, err)
	require.Equal(t, j, was)
	_, err = jobs.Delete(t.Context(), "a")
	require.ErrorIs(t, err, table.ErrNotFound)
	_, err = jobs.Get(t.Context(), "a", table.Consistent())
	require.ErrorIs(t, err, table.ErrNotFound)
	create(t, jobs, job{ID: "a", Version: 1})
}
