package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
)

func TestETagListsAreRead(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]tags{
		`*`:                  {any: true},
		` * `:                {any: true},
		`"1"`:                {opaque: []string{`"1"`}},
		`W/"1-live"`:         {opaque: []string{`"1-live"`}},
		`"1", W/"2" ,"3"`:    {opaque: []string{`"1"`, `"2"`, `"3"`}},
		`, "1",, "2",`:       {opaque: []string{`"1"`, `"2"`}},
		`"a,b"`:              {opaque: []string{`"a,b"`}},
		`""`:                 {opaque: []string{`""`}},
		"\"1\",\t\"2\"":      {opaque: []string{`"1"`, `"2"`}},
		`"` + "\u00e9" + `"`: {opaque: []string{`"` + "\u00e9" + `"`}},
	} {
		got, err := parseTags([]string{header})
		require.NoError(t, err, header)
		require.Equal(t, want, got, header)
	}
	for _, header := range []string{``, `,`, `1`, `"1`, `1"`, `"1" "2"`, `"1"; "2"`, `"1", *`, `*, "1"`, `w/"1"`, `W/1`, `"a b"`, `W/`} {
		_, err := parseTags([]string{header})
		require.ErrorIs(t, err, errTags, header)
	}
	got, err := parseTags(nil)
	require.NoError(t, err)
	require.Zero(t, got)
}

func TestOnlyTheVersionOfATagCountsForAWriter(t *testing.T) {
	t.Parallel()
	list, err := parseTags([]string{`"1700000000000-live", W/"7"`, `"xyz", "-3", "0"`})
	require.NoError(t, err)
	require.Equal(t, []int64{1700000000000, 7, noVersion, noVersion, 0}, list.versions())
	require.True(t, list.match(`"7"`))
	require.False(t, list.match(`"7-live"`))
	require.Equal(t, `"7-stale"`, etag(7, model.Stale))
	require.Equal(t, `"7"`, etag(7, ""))
}
