package enginetest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// odd has attributes whose names DynamoDB reserves, or that an expression, a
// JSON path or SQL could take for something else.
type odd struct {
	Key       string `dynamodbav:"key" table:"key"`
	Hash      string `dynamodbav:"a.b[0] #c:d" table:"index=by.odd-names:include(item rev '; é)"`
	Range     int    `dynamodbav:"timestamp" table:"range=by.odd-names"`
	Size      int    `dynamodbav:"size" table:"version"`
	TTL       int64  `dynamodbav:"ttl,omitempty" table:"ttl"`
	Status    string `dynamodbav:"status"`
	Set       string `dynamodbav:"SET"`
	LowerSet  string `dynamodbav:"set"`
	Item      string `dynamodbav:"item"`
	Rev       string `dynamodbav:"rev"`
	ID        string `dynamodbav:"id"`
	Hashed    string `dynamodbav:"#n0"`
	Colon     string `dynamodbav:":v0"`
	Injection string `dynamodbav:"';"`
	Accent    string `dynamodbav:"é"`
	Quoted    string `dynamodbav:"a'b"`
	Dollar    string `dynamodbav:"$.x"`
}

func testNames(t *testing.T, h Harness) {
	odds := open[odd](t, h, h.Table(t))
	before := odd{"k", "h", 1, 2, now.Unix() + 60, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}
	require.NoError(t, odds.Create(t.Context(), before))
	found, err := odds.Get(t.Context(), "k", table.Consistent())
	require.NoError(t, err)
	require.Equal(t, before, found)

	after := odd{"k", "H", 3, 4, 0, "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"}
	found, err = odds.Update(t.Context(), "k", odds.Diff(before, after), table.VersionIs(2), table.Equals("a.b[0] #c:d", "h"),
		table.Below("timestamp", 2), table.Equals("#n0", "g"), table.Equals(":v0", "h"), table.Equals("set", "c"), table.Equals("SET", "b"))
	require.NoError(t, err)
	require.Equal(t, after, found)
	_, err = odds.Update(t.Context(), "k", odds.Diff(after, before), table.Absent("a.b[0] #c:d"))
	require.ErrorIs(t, err, table.ErrConflict)

	var page table.Selection[odd]
	eventually(t, func() bool {
		page, err = odds.Query(t.Context(), table.Select{Index: "by.odd-names", Hash: "H", From: 3, Oldest: true, Limit: 2})
		return err == nil && len(page.Records) == 1
	})
	require.Equal(t, odd{Key: "k", Hash: "H", Range: 3, Item: "D", Rev: "E", Injection: "I", Accent: "J"}, page.Records[0].Record)
	d, err := odds.Describe(t.Context())
	require.NoError(t, err)
	require.True(t, d.Indexes[0].Equal(odds.Schema().Indexes[0]), d.Indexes[0].String())
	was, err := odds.Delete(t.Context(), "k", table.Equals("$.x", "L"))
	require.NoError(t, err)
	require.Equal(t, after, was)

	t.Run("one of 255 bytes", func(t *testing.T) {
		item := table.Item{"key": text("long"), strings.Repeat("é", 127) + "x": text("v")}
		put(t, h, odds.Schema(), item)
		stored, err := unwatched(t, h).Get(t.Context(), odds.Schema(), text("long"), true)
		require.NoError(t, err)
		require.Equal(t, item, stored)
	})
}
