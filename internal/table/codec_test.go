package table

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
)

func TestARecordIsReadAsItWasStored(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	things := newThings(t, r)
	green := color("GREEN")
	whole := thing{
		ID: "a", Color: "RED", At: noon, Count: -128, Shade: &green, Note: "né\x00", Tags: []string{"", "x"},
		Words: []string{"w"}, Labels: map[string]string{"k": ""}, V: 1<<63 - 1, Ends: noon.Unix() + 1,
	}
	for _, before := range []thing{whole, aThing(), {ID: "a", Color: "RED", At: noon, Tags: []string{}}} {
		r.puts = nil
		require.NoError(t, things.Create(t.Context(), before))
		r.item = r.puts[0].Item
		after, err := things.Get(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
	require.NoError(t, things.Create(t.Context(), aThing()))
	require.Equal(t, stored(), r.puts[1].Item)
}

func TestTimesAreStoredSoThatTheySortAsText(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	things := newThings(t, r)
	times := []time.Time{
		noon, noon.Add(time.Nanosecond), noon.Add(time.Millisecond), noon.Add(100 * time.Millisecond), noon.Add(time.Second),
		noon.Add(90 * time.Minute).In(time.FixedZone("west", -5*3600)), noon.AddDate(1, 0, 0).In(time.FixedZone("east", 9*3600)),
	}
	var texts []string
	for _, at := range times {
		record := aThing()
		record.At = at
		require.NoError(t, things.Create(t.Context(), record))
		text := r.puts[len(r.puts)-1].Item["at"].(*types.AttributeValueMemberS).Value
		require.Len(t, text, len(timeLayout))
		texts = append(texts, text)
	}
	require.True(t, slices.IsSorted(texts), texts)
	require.Equal(t, "2024-05-06T12:00:00.000Z", texts[1], "cut to milliseconds")
	require.Equal(t, "2024-05-06T13:30:00.000Z", texts[5], "in UTC")

	for _, written := range []string{"2024-05-06T12:00:00Z", "2024-05-06T14:00:00.000000000+02:00", "2024-05-06T12:00:00.0Z"} {
		r.item = stored("at", text(written))
		found, err := things.Get(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, noon, found.At)
	}
}

func TestAStoredValueThatTCannotHoldIsNamedWithItsKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attribute string
		value     types.AttributeValue // nil for none
	}{
		"a number for a text":               {"note", number("1")},
		"a text for a number":               {"count", text("1")},
		"a null for a number":               {"count", null()},
		"a null for a text":                 {"note", null()},
		"a null for a time":                 {"at", null()},
		"a list for a text":                 {"note", &types.AttributeValueMemberL{}},
		"a list for a set":                  {"words", &types.AttributeValueMemberL{}},
		"a set of numbers for one of texts": {"words", &types.AttributeValueMemberNS{Value: []string{"1"}}},
		"an overflow":                       {"count", number("128")},
		"an overflow downwards":             {"count", number("-129")},
		"an overflow of an int64":           {"v", number("9223372036854775808")},
		"a fraction for an integer":         {"count", number("1.5")},
		"a word that is none":               {"color", text("BLUE")},
		"an empty word":                     {"color", text("")},
		"another word behind a pointer":     {"shade", text("red")},
		"text that is no time":              {"at", text("yesterday")},
		"a list within a list of texts":     {"tags", &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberL{}}}},
		"a map within a map of texts":       {"labels", &types.AttributeValueMemberM{Value: Item{"k": &types.AttributeValueMemberM{}}}},
		"no required attribute":             {"color", nil},
		"no version":                        {"v", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{item: stored()}
			things := newThings(t, r)
			if r.item[c.attribute] = c.value; c.value == nil {
				delete(r.item, c.attribute)
			}
			r.items = []Item{stored("id", text("b")), r.item}
			requireCorrupt := func(found thing, err error) {
				t.Helper()
				var corrupt *CorruptError
				require.ErrorIs(t, err, ErrCorrupt)
				require.ErrorAs(t, err, &corrupt)
				require.Equal(t, c.attribute, corrupt.Problem.Attribute)
				require.Equal(t, `"a"`, corrupt.Key)
				require.ErrorContains(t, err, c.attribute)
				require.Zero(t, found, "never a part of it")
			}
			requireCorrupt(things.Get(t.Context(), "a"))
			requireCorrupt(things.Update(t.Context(), "a", Changes{Set: map[string]any{"note": "x"}}))
			requireCorrupt(things.Delete(t.Context(), "a"))
			results, err := things.GetMany(t.Context(), []any{"a", "b"})
			require.NoError(t, err)
			requireCorrupt(results[0].Record, results[0].Err)
			require.NoError(t, results[1].Err)
			page, err := things.Query(t.Context(), Select{Index: "by_color", Hash: "RED", Limit: 2})
			require.NoError(t, err)
			require.NoError(t, page.Records[0].Err)
			requireCorrupt(page.Records[1].Record, page.Records[1].Err)
			seen := 0
			for found, err := range things.Scan(t.Context()) {
				if seen++; err != nil {
					requireCorrupt(found, err)
				}
			}
			require.Equal(t, 2, seen)
			r.err = &ConditionError{Found: r.item}
			requireCorrupt(thing{}, things.Create(t.Context(), aThing()))
		})
	}
}

func TestANullIsReadWhereGoHasANil(t *testing.T) {
	t.Parallel()
	things := newThings(t, &recorder{item: stored("shade", null(), "labels", null(), "tags", null(), "words", null())})
	found, err := things.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, aThing(), found)
}

func TestAttributesThatTLacksArePassedOver(t *testing.T) {
	t.Parallel()
	things := newThings(t, &recorder{item: stored("more", number("1"), "Note", number("1"), "NOTE", null())})
	found, err := things.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, aThing(), found)
}

func TestAnIndexedRecordLacksOnlyWhatTheIndexDoesNotHold(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	things := newThings(t, r)
	narrow := Index{Name: "narrow", Hash: "color", Projection: ProjectInclude, Include: []string{"v"}}
	things.added = append(things.added, narrow)
	r.items = []Item{{"id": text("a"), "color": text("RED"), "v": number("3")}, {"id": text("b"), "color": text("RED")}}
	page, err := things.Query(t.Context(), Select{Index: "narrow", Hash: "RED", Limit: 2})
	require.NoError(t, err)
	require.Equal(t, Result[thing]{Record: thing{ID: "a", Color: "RED", V: 3}}, page.Records[0])
	require.ErrorIs(t, page.Records[1].Err, ErrCorrupt)
	require.ErrorContains(t, page.Records[1].Err, "v: missing")
}

type older struct {
	ID    string `dynamodbav:"id" table:"key"`
	Level int    `dynamodbav:"level"`
	Kind  string `dynamodbav:"kind"`
}

func (*older) UpgradeItem(item Item) Item {
	if _, there := item["level"]; there {
		return item
	}
	item = maps.Clone(item)
	item["level"] = number("1")
	return item
}

func TestAnItemOfAnOlderLayoutIsUpgradedBeforeItIsRead(t *testing.T) {
	t.Parallel()
	r := &recorder{item: Item{"id": text("a"), "kind": text("k")}}
	table, err := New[older](r, "older")
	require.NoError(t, err)
	found, err := table.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, older{"a", 1, "k"}, found)
	require.NotContains(t, r.item, "level")

	r.item = Item{"id": text("a"), "level": number("7")}
	_, err = table.Get(t.Context(), "a")
	require.ErrorIs(t, err, ErrCorrupt, "an upgrade is held to the declaration")
	r.err = &ConditionError{Found: Item{"id": text("a"), "kind": text("k")}}
	var conflict *ConflictError[older]
	require.ErrorAs(t, table.Create(t.Context(), older{ID: "a"}), &conflict)
	require.Equal(t, older{"a", 1, "k"}, conflict.Found)
}

// TestOptionsOfTheSDKAreUnderstood stores and reads values whose stored type
// depends on more than their Go type.
func TestOptionsOfTheSDKAreUnderstood(t *testing.T) {
	t.Parallel()
	type optioned struct {
		ID       string     `table:"key"`
		Unix     time.Time  `dynamodbav:",unixtime" table:"ttl"`
		UnixPtr  *time.Time `dynamodbav:",unixtime,omitempty"`
		Text     int        `dynamodbav:",string"`
		Numbers  []int      `dynamodbav:",numberset,omitempty"`
		Binaries [][]byte   `dynamodbav:",binaryset"`
		Sets     [][]byte
		Array    [3]byte
		Any      any
	}
	r := &recorder{}
	table, err := New[optioned](r, "optioned", WithClock(func() time.Time { return noon.Add(-time.Hour) }))
	require.NoError(t, err)
	later := noon.Add(time.Second).Local()
	before := optioned{
		ID: "a", Unix: noon.Local(), UnixPtr: &later, Text: 7, Numbers: []int{1}, Binaries: [][]byte{{1}}, Sets: [][]byte{{2}},
		Array: [3]byte{1, 2, 3}, Any: []any{"x", 1.5, nil, map[string]any{"k": true}},
	}
	require.NoError(t, table.Create(t.Context(), before))
	r.item = r.puts[0].Item
	require.Equal(t, number("1714996800"), r.item["Unix"])
	require.Equal(t, text("7"), r.item["Text"])
	found, err := table.Get(t.Context(), "a")
	require.NoError(t, err)
	require.True(t, before.Unix.Equal(found.Unix) && before.UnixPtr.Equal(*found.UnixPtr))
	found.Unix, found.UnixPtr = before.Unix, before.UnixPtr
	require.Equal(t, before, found)
	for _, a := range table.Schema().Attributes {
		if a.Type != "" {
			require.Equal(t, a.Type, TypeOf(r.item[a.Name]), a.Name)
		}
	}

	r.item["Array"] = &types.AttributeValueMemberB{Value: []byte{1, 2, 3, 4}}
	_, err = table.Get(t.Context(), "a")
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "Array")
}
