package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table"
)

// putOlder leaves an item as the older writers of the table did.
func putOlder(t *testing.T, e *engine, clock *testClock, id, status, timestamp string) {
	t.Helper()
	s, err := New(e, Config{Table: "jobs", Clock: clock.Now})
	require.NoError(t, err)
	require.NoError(t, e.Engine.Put(t.Context(), s.table.Schema(), table.Put{Now: clock.Now(), Item: table.Item{
		"request_id": &types.AttributeValueMemberS{Value: id},
		"status":     &types.AttributeValueMemberS{Value: status},
		"timestamp":  &types.AttributeValueMemberS{Value: timestamp},
		"note":       &types.AttributeValueMemberS{Value: "kept"},
	}}))
}

func TestARecordOfTheOlderLayoutIsReadAndCarriedOn(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	putOlder(t, e, clock, "job", "IN_PROGRESS", "2023-04-05 06:07:08.123456")
	entered := time.Date(2023, 4, 5, 6, 7, 8, 123e6, time.UTC)

	found, err := s.Get(t.Context(), "job")
	require.NoError(t, err)
	require.Equal(t, model.Record{
		RequestID: "job", Status: model.InProgress, Timestamp: entered, Attempt: 1, Version: entered.UnixMilli(),
		CreatedAt: entered, UpdatedAt: entered,
		History: []model.Entry{{Status: model.InProgress, Attempt: 1, Timestamp: entered}},
	}, found.Record)

	e.counted()
	result := apply(t, s, "job", report(model.Success, 0, 0))
	require.Equal(t, map[string]int{"update": 1}, e.counted())
	require.Equal(t, model.Applied, result.Outcome.Kind)
	require.Equal(t, entered.UnixMilli()+1, result.Snapshot.Version)
	require.Equal(t, entered, result.Snapshot.CreatedAt)
	require.Len(t, result.Snapshot.History, 2)
	require.Nil(t, result.Snapshot.older)

	item, err := e.Engine.Get(t.Context(), s.table.Schema(), &types.AttributeValueMemberS{Value: "job"}, true)
	require.NoError(t, err)
	require.Equal(t, &types.AttributeValueMemberS{Value: "kept"}, item["note"])
	require.Equal(t, &types.AttributeValueMemberS{Value: "success#0"}, item["status_shard"])
}

func TestARecordOfTheOlderLayoutIsLockedByWhatWasSeen(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	a, b := newStore(t, e, clock), newStore(t, e, clock)
	putOlder(t, e, clock, "job", "STARTED", "2023-04-05 06:07:08")
	_, err := a.Get(t.Context(), "job")
	require.NoError(t, err)
	apply(t, b, "job", report(model.Success, 1, 0))
	result := apply(t, a, "job", report(model.InProgress, 1, 1))
	require.Equal(t, model.Unchanged, result.Outcome.Kind)
	require.Equal(t, model.Success, result.Snapshot.Status)
}

func TestMigrationCarriesOlderRecordsIntoTheIndexes(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	s := newStore(t, e, clock)
	for i := range 20 {
		putOlder(t, e, clock, fmt.Sprintf("running-%02d", i), "STARTED", fmt.Sprintf("2023-04-05 06:07:%02d", i))
	}
	putOlder(t, e, clock, "done", "SUCCESS", "2023-04-05 05:00:00")
	putOlder(t, e, clock, "odd", "PAUSED", "2023-04-05 05:00:00")
	apply(t, s, "new", report(model.Started, 1, 0))
	page, err := s.List(t.Context(), Filter{Limit: 50})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	before, err := s.Get(t.Context(), "done")
	require.NoError(t, err)

	var last Migration
	m, err := s.Migrate(t.Context(), func(m Migration) { last = m })
	require.NoError(t, err)
	require.Equal(t, 21, m.Carried)
	require.Equal(t, 1, m.Current)
	require.Len(t, m.Unreadable, 1)
	require.ErrorIs(t, m.Unreadable[0], ErrCorrupt)
	require.LessOrEqual(t, last.Seen(), m.Seen())

	page, err = s.List(t.Context(), Filter{Limit: 50})
	require.NoError(t, err)
	require.Len(t, page.Items, 22)
	require.Equal(t, "running-19", page.Items[1].RequestID)
	after, err := s.Get(t.Context(), "done")
	require.NoError(t, err)
	require.Equal(t, clock.Now().Add(time.Hour).Unix(), after.ExpiresAt)
	after.Record.ExpiresAt = 0
	require.Equal(t, before.Record, after.Record, "the status and its time are as they were")

	m, err = s.Migrate(t.Context(), func(Migration) {})
	require.NoError(t, err)
	require.Equal(t, Migration{Current: 22, Unreadable: m.Unreadable}, m, "a second run finds nothing to do")
}

func TestMigrationLeavesWhatSomebodyElseWroteMeanwhile(t *testing.T) {
	t.Parallel()
	e, clock := newEngine(t), newTestClock()
	a, b := newStore(t, e, clock), newStore(t, e, clock)
	putOlder(t, e, clock, "job", "STARTED", "2023-04-05 06:07:08")
	e.before["update"] = func() error {
		apply(t, b, "job", report(model.Success, 1, 0))
		return nil
	}
	m, err := a.Migrate(t.Context(), func(Migration) {})
	require.NoError(t, err)
	require.Equal(t, Migration{Overtaken: 1}, m)
	require.Equal(t, model.Success, stored(t, e, clock, "job").Status)
}
