package store

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table/embedded"
)

// FuzzCursor goes on where anybody says. Whatever that is, it is refused, or
// goes on in a list of the same filter.
func FuzzCursor(f *testing.F) {
	e, err := embedded.Open(filepath.Join(f.TempDir(), "statusd.db"))
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, e.Close()) })
	clock := newTestClock()
	s, err := New(e, Config{Table: "jobs", Clock: clock.Now, Policy: model.Policy{Retention: time.Hour, AbandonAfter: time.Hour}})
	require.NoError(f, err)
	require.NoError(f, s.CreateTable(f.Context()))
	for n := range 9 {
		_, err := s.Apply(f.Context(), fmt.Sprintf("job-%d", n), model.Update{
			Status: []model.Status{model.Started, model.Success}[n%2], Owner: []string{"alice", "bob", ""}[n%3],
		}, When{})
		require.NoError(f, err)
		clock.advance(time.Second)
	}
	filters := []Filter{
		{Limit: 2}, {Limit: 2, Owner: "alice"}, {Limit: 2, Statuses: []model.Status{model.Success}},
		{Limit: 2, Liveness: model.Live}, {Limit: 2, Permit: of("bob")},
	}
	for i, filter := range filters {
		page, err := s.List(f.Context(), filter)
		require.NoError(f, err)
		if page.NextCursor != "" {
			f.Add(page.NextCursor, uint8(i))
		}
		hash := filter.hash()
		for _, form := range []cursorForm{
			{Filter: hash},
			{Filter: hash, At: -1 << 62},
			{Filter: hash, At: 1 << 62, Last: map[string]string{"started#0": "job-1", "alice": "job-4", "bob": "job-1"}},
			{Filter: hash, At: clock.Now().UnixMilli(), Last: map[string]string{"success#0": "", "alice": "../x", "success#99": "a"}},
			{Filter: hash, At: 253402300800000, Last: map[string]string{"alice": "\x00", "success#0": "job-1"}},
			{Filter: hash + 1},
		} {
			text, err := json.Marshal(form)
			require.NoError(f, err)
			f.Add(base64.RawURLEncoding.EncodeToString(text), uint8(i))
		}
	}
	for _, text := range []string{"", "e30", "bnVsbA", "W10", "====", "\x00", "eyJmIjoxfQ"} {
		f.Add(text, uint8(0))
	}
	f.Fuzz(func(t *testing.T, cursor string, which uint8) {
		filter := filters[int(which)%len(filters)]
		filter.Cursor = cursor
		seen := make(map[string]bool)
		for pages := 0; ; pages++ {
			require.Less(t, pages, 9, "it never ends")
			page, err := s.List(t.Context(), filter)
			if err != nil {
				require.ErrorIs(t, err, ErrCursor)
				require.Zero(t, pages, "what it hands out it takes back")
				return
			}
			require.Empty(t, page.Unreadable)
			require.LessOrEqual(t, len(page.Items), filter.Limit)
			for _, item := range page.Items {
				require.True(t, s.passes(filter, item))
				require.False(t, seen[item.RequestID], "it comes twice")
				seen[item.RequestID] = true
				require.False(t, item.Timestamp.After(begin(t, cursor, filter)), "the list was past that")
			}
			if filter.Cursor = page.NextCursor; filter.Cursor == "" {
				return
			}
		}
	})
}

// begin is the instant where a list goes on, if its cursor is a good one.
func begin(t *testing.T, cursor string, filter Filter) time.Time {
	if cursor == "" {
		return time.UnixMilli(1 << 50)
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	require.NoError(t, err)
	var form cursorForm
	require.NoError(t, json.Unmarshal(text, &form))
	require.Equal(t, filter.hash(), form.Filter, "a cursor of another list")
	return time.UnixMilli(form.At)
}
