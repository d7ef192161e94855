package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table"
)

// pages walks a list to its end and returns the ids, page by page.
func pages(t *testing.T, s *Store, f Filter) (ids [][]string) {
	t.Helper()
	for {
		page, err := s.List(t.Context(), f)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Items), f.Limit)
		var of []string
		for i, item := range page.Items {
			of = append(of, item.RequestID)
			if i > 0 {
				require.False(t, item.Timestamp.After(page.Items[i-1].Timestamp), "newest first")
			}
		}
		ids = append(ids, of)
		if page.NextCursor == "" {
			return ids
		}
		require.Less(t, len(ids), 10_000, "the walk ends")
		f.Cursor = page.NextCursor
	}
}

func TestListsAreNewestFirstOverStatusesAndShards(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock, func(c *Config) { c.Shards = 3 })
	statuses := []model.Status{model.Started, model.InProgress, model.Success, model.Fail}
	var all []string
	of := make(map[model.Status][]string)
	for i := range 60 {
		if i%7 != 0 { // some share their millisecond
			clock.advance(time.Second)
		}
		id, status := fmt.Sprintf("job-%02d", i), statuses[i*i%4]
		apply(t, s, id, model.Update{Status: status, Owner: fmt.Sprintf("team-%d", i%2)})
		all = append([]string{id}, all...)
		of[status] = append([]string{id}, of[status]...)
	}
	for _, limit := range []int{1, 3, 7, 20, 59, 60, 61, 200} {
		t.Run(fmt.Sprintf("limit %d", limit), func(t *testing.T) {
			t.Parallel()
			walked := pages(t, s, Filter{Limit: limit})
			require.ElementsMatch(t, all, slices.Concat(walked...))
			require.Len(t, walked, (60+limit-1)/limit, "every page but the last is full, and the last has no cursor")
		})
	}
	require.ElementsMatch(t, of[model.Fail], slices.Concat(pages(t, s, Filter{Limit: 4, Statuses: []model.Status{model.Fail}})...))
	two := slices.Concat(of[model.Started], of[model.Success])
	require.ElementsMatch(t, two, slices.Concat(pages(t, s, Filter{Limit: 4, Statuses: []model.Status{model.Started, model.Success}})...))

	owned := slices.Concat(pages(t, s, Filter{Limit: 4, Owner: "team-1"})...)
	require.Len(t, owned, 30)
	require.Equal(t, "job-59", owned[0])
	for _, id := range slices.Concat(pages(t, s, Filter{Limit: 4, Owner: "team-1", Statuses: []model.Status{model.Fail}})...) {
		require.Contains(t, owned, id)
		require.Contains(t, of[model.Fail], id)
	}
	require.Equal(t, [][]string{nil}, pages(t, s, Filter{Limit: 4, Owner: "nobody"}))
}

func TestAListOfAThousandJobsOfOneMillisecondIsWalkedWhole(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock, func(c *Config) { c.Shards = 2 })
	var all []string
	for i := range 1000 {
		id := fmt.Sprintf("job-%03d", i)
		all = append(all, id)
		apply(t, s, id, report([]model.Status{model.Started, model.Fail}[i%2], 1, 0))
	}
	walked := slices.Concat(pages(t, s, Filter{Limit: 37})...)
	require.ElementsMatch(t, all, walked)
}

func TestListsByLivenessLookAtRunningJobsAlone(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	apply(t, s, "stale", report(model.InProgress, 1, 0))
	apply(t, s, "over", report(model.Success, 1, 0))
	clock.advance(8 * time.Minute)
	apply(t, s, "late", report(model.Started, 1, 0))
	clock.advance(3 * time.Minute)
	apply(t, s, "live", report(model.InProgress, 1, 0))
	for _, liveness := range []model.Liveness{model.Live, model.Late, model.Stale} {
		require.Equal(t, [][]string{{string(liveness)}}, pages(t, s, Filter{Limit: 5, Liveness: liveness}))
	}
	require.Equal(t, [][]string{nil}, pages(t, s, Filter{Limit: 5, Liveness: model.Live, Statuses: []model.Status{model.Fail}}))
}

func TestOneListExaminesAThousandRecordsAtMost(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	apply(t, s, "oldest", model.Update{Status: model.Fail, Owner: "team"})
	for i := range examinedMost {
		clock.advance(time.Millisecond)
		apply(t, s, fmt.Sprintf("job-%04d", i), model.Update{Status: model.Success, Owner: "team"})
	}
	f := Filter{Limit: 5, Owner: "team", Statuses: []model.Status{model.Fail}}
	page, err := s.List(t.Context(), f)
	require.NoError(t, err)
	require.Empty(t, page.Items)
	require.NotEmpty(t, page.NextCursor)
	f.Cursor = page.NextCursor
	page, err = s.List(t.Context(), f)
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Empty(t, page.NextCursor)
}

func TestACursorIsBoundToItsFilter(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	for i := range 4 {
		apply(t, s, fmt.Sprint(i), model.Update{Status: model.Started, Owner: "team"})
	}
	both := []model.Status{model.Started, model.Fail}
	page, err := s.List(t.Context(), Filter{Limit: 2, Statuses: both})
	require.NoError(t, err)
	slices.Reverse(both)
	rest, err := s.List(t.Context(), Filter{Limit: 2, Statuses: both, Cursor: page.NextCursor})
	require.NoError(t, err, "the order of statuses says nothing")
	require.Len(t, rest.Items, 2)
	for name, f := range map[string]Filter{
		"other statuses": {Limit: 2, Cursor: page.NextCursor},
		"an owner":       {Limit: 2, Statuses: both, Owner: "team", Cursor: page.NextCursor},
		"garbage":        {Limit: 2, Statuses: both, Cursor: "garbage"},
		"other JSON":     {Limit: 2, Statuses: both, Cursor: "e30"},
	} {
		_, err := s.List(t.Context(), f)
		require.ErrorIs(t, err, ErrCursor, name)
	}
}

func TestAListFiltersAgainOnWhatItFound(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	for _, id := range []string{"a", "b", "c"} {
		clock.advance(time.Second)
		apply(t, s, id, report(model.Started, 1, 0))
	}
	// Between the index and the records, b ends and c is deleted.
	e.before["batch"] = func() error {
		apply(t, s, "b", report(model.Success, 1, 0))
		return s.Delete(t.Context(), "c", nil)
	}
	require.Equal(t, [][]string{{"a"}}, pages(t, s, Filter{Limit: 5, Statuses: []model.Status{model.Started}}))
}

func TestAnUnreadableRecordDoesNotHideTheRestOfAList(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	for _, id := range []string{"a", "b", "c"} {
		clock.advance(time.Second)
		apply(t, s, id, report(model.Started, 1, 0))
	}
	_, err := e.Engine.Update(t.Context(), s.table.Schema(), table.Update{
		Key: &types.AttributeValueMemberS{Value: "b"}, Now: clock.Now(),
		Set: table.Item{"attempt": &types.AttributeValueMemberS{Value: "first"}},
	})
	require.NoError(t, err)
	page, err := s.List(t.Context(), Filter{Limit: 5})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	require.Len(t, page.Unreadable, 1)
	require.ErrorIs(t, page.Unreadable[0], ErrCorrupt)
}

func TestRaisingTheShardsHidesNothing(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	before := newStore(t, e, clock)
	after := newStore(t, e, clock, func(c *Config) { c.Shards = 5 })
	for i := range 30 {
		clock.advance(time.Second)
		apply(t, []*Store{before, after}[i%2], fmt.Sprint(i), report(model.Started, 1, 0))
	}
	require.Len(t, slices.Concat(pages(t, after, Filter{Limit: 4})...), 30)
}
