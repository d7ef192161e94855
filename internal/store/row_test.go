package store

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table"
)

func TestOlderTimesAreReadAsWellAsTheyCanBe(t *testing.T) {
	t.Parallel()
	want := time.Date(2023, 4, 5, 6, 7, 8, 0, time.UTC)
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	number := func(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }
	for _, c := range []struct {
		name string
		av   types.AttributeValue
		want time.Time
	}{
		{"with a zone", text("2023-04-05T08:07:08+02:00"), want},
		{"with a zone without colon", text("2023-04-05T08:07:08+0200"), want},
		{"no zone means UTC", text("2023-04-05T06:07:08"), want},
		{"as Python's str gives it", text("2023-04-05 06:07:08.123456"), want.Add(123 * time.Millisecond)},
		{"as Python's str gives it with a zone", text("2023-04-05 06:07:08.5+00:00"), want.Add(500 * time.Millisecond)},
		{"with spaces around", text(" 2023-04-05T06:07:08Z\n"), want},
		{"a mail's date", text("Wed, 05 Apr 2023 06:07:08 +0000"), want},
		{"C's ctime", text("Wed Apr  5 06:07:08 2023"), want},
		{"a date alone", text("2023-04-05"), want.Truncate(24 * time.Hour)},
		{"epoch seconds", number("1680674828"), want},
		{"epoch seconds with a fraction, as text", text("1680674828.25"), want.Add(250 * time.Millisecond)},
		{"epoch milliseconds", number("1680674828123"), want.Add(123 * time.Millisecond)},
		{"nothing", nil, time.Unix(0, 0).UTC()},
		{"no time at all", text("yesterday"), time.Unix(0, 0).UTC()},
		{"not a number", text("NaN"), time.Unix(0, 0).UTC()},
		{"before the epoch", text("1901-01-01T00:00:00Z"), time.Unix(0, 0).UTC()},
		{"another type", &types.AttributeValueMemberBOOL{Value: true}, time.Unix(0, 0).UTC()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, olderTime(c.av))
		})
	}
}

func TestAnItemOfTheOlderLayoutIsUpgradedAndNotChanged(t *testing.T) {
	t.Parallel()
	item := table.Item{
		"request_id": &types.AttributeValueMemberS{Value: "a"},
		"status":     &types.AttributeValueMemberS{Value: "IN_PROGRESS"},
		"timestamp":  &types.AttributeValueMemberS{Value: "2023-04-05 06:07:08"},
	}
	var r row
	upgraded := r.UpgradeItem(item)
	require.Len(t, item, 3)
	require.Equal(t, &types.AttributeValueMemberS{Value: "IN_PROGRESS"}, item["status"])
	require.Equal(t, &types.AttributeValueMemberS{Value: "in-progress"}, upgraded["status"])
	require.Equal(t, &types.AttributeValueMemberS{Value: "2023-04-05T06:07:08.000Z"}, upgraded["timestamp"])
	require.Equal(t, &types.AttributeValueMemberN{Value: "1680674828000"}, upgraded["version"])
	require.Equal(t, []table.Condition{
		table.Absent("version"),
		table.Equals("status", item["status"]),
		table.Equals("timestamp", item["timestamp"]),
	}, r.lock())
}

func TestARecordIsLockedByItsVersionAndItsWrite(t *testing.T) {
	t.Parallel()
	r := row{Record: model.Record{Version: 7}, WriteID: "w"}
	require.Equal(t, []table.Condition{table.VersionIs(7), table.Equals("write_id", "w")}, r.lock())
	r.WriteID = ""
	require.Equal(t, []table.Condition{table.VersionIs(7), table.Absent("write_id")}, r.lock())
}

func TestAJobKeepsToOneShardPerStatus(t *testing.T) {
	t.Parallel()
	require.Equal(t, "started#0", shardOf(model.Started, "a", 1))
	used := make(map[string]bool)
	for i := range 1000 {
		id := string(rune('a'+i%26)) + time.Duration(i).String()
		shard := shardOf(model.Fail, id, 4)
		require.Equal(t, shard, shardOf(model.Fail, id, 4))
		used[shard] = true
	}
	require.Equal(t, map[string]bool{"fail#0": true, "fail#1": true, "fail#2": true, "fail#3": true}, used)
}
