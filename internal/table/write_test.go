package table

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
)

func TestCreateNamesAllThatDoesNotFit(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	things := newThings(t, r)
	blue := color("BLUE")
	requireProblems(t, things.Create(t.Context(), thing{Color: "red", Shade: &blue}), "at", "color", "id", "shade")
	require.Zero(t, r.sent())

	record := aThing()
	record.Ends = noon.Unix()
	require.NoError(t, things.Create(t.Context(), record), "it may be past its time from the start")
	require.Equal(t, []Put{{Item: stored("ends", number("1714996800")), Now: noon}}, r.puts)
}

func TestCreateFromNamesAllThatIsMissingUnknownOrIllTyped(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	things := newThings(t, r)
	_, err := things.CreateFrom(t.Context(), map[string]any{
		"id": 7, "color": "BLUE", "at": "today", "count": 1e3, "shade": nil, "words": "x", "ID": "a", "more": nil,
	})
	requireProblems(t, err, "ID", "at", "color", "count", "id", "more", "tags", "v", "words")
	require.ErrorContains(t, err, "more: no such attribute")
	require.ErrorContains(t, err, "tags: missing")
	_, err = things.CreateFrom(t.Context(), nil)
	requireProblems(t, err, "at", "color", "count", "id", "tags", "v", "words")
	require.Zero(t, r.sent())

	made, err := things.CreateFrom(t.Context(), map[string]any{
		"id": "a", "color": "GREEN", "shade": "RED", "at": "2024-05-06T14:00:00+02:00", "count": 7.0, "v": uint8(1),
		"tags": []any{"x"}, "words": []string{"w"}, "labels": map[string]any{"k": "v"},
	})
	require.NoError(t, err)
	red := color("RED")
	require.Equal(t, thing{ID: "a", Color: "GREEN", Shade: &red, At: noon, Count: 7, V: 1, Tags: []string{"x"}, Words: []string{"w"}, Labels: map[string]string{"k": "v"}}, made)
	require.Equal(t, text("RED"), r.puts[0].Item["shade"])
}

func TestCreateNeverOverwrites(t *testing.T) {
	t.Parallel()
	r := &recorder{err: &ConditionError{Found: stored("v", number("3"))}}
	things := newThings(t, r)
	err := things.Create(t.Context(), aThing())
	require.ErrorIs(t, err, ErrExists)
	require.NotErrorIs(t, err, ErrConflict)
	var conflict *ConflictError[thing]
	require.ErrorAs(t, err, &conflict)
	require.EqualValues(t, 3, conflict.Found.V)
}

// TestOneClockReadingDecides has a record end between the write and the answer.
func TestOneClockReadingDecides(t *testing.T) {
	t.Parallel()
	r := &recorder{err: &ConditionError{Found: stored("ends", number(EpochSeconds(noon.Add(time.Second))))}}
	now := noon.Add(-time.Second)
	things, err := New[thing](r, "things", WithClock(func() time.Time { now = now.Add(time.Second); return now }))
	require.NoError(t, err)
	require.ErrorIs(t, things.Create(t.Context(), aThing()), ErrExists)
	require.ErrorIs(t, things.Create(t.Context(), aThing()), ErrNotFound, "a time to live that the engine has missed")
}

func TestUpdateRefusesBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	set := func(name string, value any) Changes { return Changes{Set: map[string]any{name: value}} }
	remove := func(names ...string) Changes { return Changes{Remove: names} }
	for name, c := range map[string]struct {
		changes    Changes
		attributes []string
	}{
		"nothing":                      {Changes{}, []string{"id"}},
		"empty changes":                {Changes{map[string]any{}, []string{}}, []string{"id"}},
		"the key":                      {set("id", "b"), []string{"id"}},
		"the key to what it is":        {set("id", "a"), []string{"id"}},
		"removing the key":             {remove("id"), []string{"id"}},
		"what is not there":            {set("more", 1), []string{"more"}},
		"a text for a number":          {set("count", "1"), []string{"count"}},
		"a fraction for an integer":    {set("count", 1.5), []string{"count"}},
		"an overflow":                  {set("count", 1000), []string{"count"}},
		"nil for a required one":       {set("count", nil), []string{"count"}},
		"a word that is none":          {set("color", "red"), []string{"color"}},
		"an empty word":                {set("color", ""), []string{"color"}},
		"a wrong word of its own type": {set("color", color("red")), []string{"color"}},
		"a wrong word by pointer":      {set("shade", new(color)), nil},
		"no time":                      {set("at", time.Time{}), []string{"at"}},
		"text that is no time":         {set("at", "soon"), []string{"at"}},
		"a function":                   {set("note", func() {}), []string{"note"}},
		"removing a required one":      {remove("color"), []string{"color"}},
		"set and removed":              {Changes{map[string]any{"note": "x"}, []string{"note"}}, []string{"note"}},
		"everything wrong":             {Changes{map[string]any{"id": 1, "v": "x", "more": 1}, []string{"at"}}, []string{"at", "id", "more", "v"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{item: stored()}
			things := newThings(t, r)
			_, err := things.Update(t.Context(), "a", c.changes)
			if c.attributes == nil {
				require.NoError(t, err)
				return
			}
			requireProblems(t, err, c.attributes...)
			require.Zero(t, r.sent())
		})
	}
}

func TestUpdateSendsWhatChanges(t *testing.T) {
	t.Parallel()
	r := &recorder{item: stored("note", text("after"))}
	things := newThings(t, r)
	changes := Changes{
		Set:    map[string]any{"note": "", "count": 3.0, "color": "GREEN", "labels": map[string]string(nil), "tags": nil, "shade": nil},
		Remove: []string{"ends", "unknown"},
	}
	after, err := things.Update(t.Context(), "a", changes, VersionIs(2), Absent("note"), Equals("count", 1), Below("at", noon))
	require.NoError(t, err)
	require.Equal(t, "after", after.Note)
	require.Equal(t, []string{"ends", "unknown"}, changes.Remove, "the caller's own")
	u := r.updates[0]
	slices.Sort(u.Remove)
	require.Equal(t, Update{
		Key: text("a"), Set: Item{"count": number("3"), "color": text("GREEN"), "tags": null()},
		Remove: []string{"ends", "labels", "note", "shade", "unknown"}, Now: noon,
		If: []Check{
			{"v", OpEquals, number("2")}, {"note", OpAbsent, nil}, {"count", OpEquals, number("1")}, {"at", OpBelow, text("2024-05-06T12:00:00.000Z")},
		},
	}, u)
}

func TestAFailedConditionIsAConflictOrNothing(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	things := newThings(t, r)
	write := map[string]func() error{
		"update": func() error {
			_, err := things.Update(t.Context(), "a", Changes{Set: map[string]any{"v": 1}}, VersionIs(1))
			return err
		},
		"delete": func() error { _, err := things.Delete(t.Context(), "a", VersionIs(1)); return err },
	}
	for name, write := range write {
		r.err = &ConditionError{Found: stored("v", number("3"))}
		err := write()
		require.ErrorIs(t, err, ErrConflict, name)
		var conflict *ConflictError[thing]
		require.ErrorAs(t, err, &conflict)
		require.EqualValues(t, 3, conflict.Found.V)
		for _, absent := range []Item{nil, stored("ends", number("1")), stored("ends", number(EpochSeconds(noon)))} {
			r.err = &ConditionError{Found: absent}
			require.ErrorIs(t, write(), ErrNotFound, name)
		}
		r.err = &UnavailableError{Table: "things", Operation: name, Cause: fmt.Errorf("away"), Uncertain: true}
		require.ErrorIs(t, write(), ErrUnavailable)
		require.ErrorContains(t, write(), "may have happened")
	}
}

func TestAKeyIsOfItsType(t *testing.T) {
	t.Parallel()
	type numbered struct {
		ID uint16 `dynamodbav:"id" table:"key"`
	}
	r := &recorder{item: Item{"id": number("7")}}
	numbers, err := New[numbered](r, "numbers")
	require.NoError(t, err)
	for _, key := range []any{7, int8(7), uint64(7), 7.0, uint16(7)} {
		_, err := numbers.Get(t.Context(), key)
		require.NoError(t, err)
	}
	things := newThings(t, r)
	for _, bad := range []any{"7", nil, 7.5, -1, 1 << 16, []byte("7"), true} {
		_, err := numbers.Get(t.Context(), bad)
		requireProblems(t, err, "id")
	}
	for _, bad := range []any{7, nil, "", []byte("a"), text("a")} {
		_, err := things.Get(t.Context(), bad)
		requireProblems(t, err, "id")
		_, err = things.GetMany(t.Context(), []any{"a", bad})
		requireProblems(t, err, "id")
		_, err = things.Update(t.Context(), bad, Changes{Set: map[string]any{"v": 1}})
		requireProblems(t, err, "id")
		_, err = things.Delete(t.Context(), bad)
		requireProblems(t, err, "id")
	}
	require.Zero(t, r.sent()+len(r.batches))
}

func TestGetManyAsksForEachKeyOnceAndAnswersInOrder(t *testing.T) {
	t.Parallel()
	r := &recorder{items: []Item{stored("id", text("c"), "ends", number("1")), stored("id", text("b")), stored()}}
	things := newThings(t, r)
	results, err := things.GetMany(t.Context(), []any{"a", "b", "a", "c", "d", "b"})
	require.NoError(t, err)
	require.Equal(t, [][]types.AttributeValue{{text("a"), text("b"), text("c"), text("d")}}, r.batches)
	for i, id := range []string{"a", "b", "a", "", "", "b"} {
		require.Equal(t, id, results[i].Record.ID)
		if id == "" {
			require.ErrorIs(t, results[i].Err, ErrNotFound)
		} else {
			require.NoError(t, results[i].Err)
		}
	}
	results, err = things.GetMany(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, results)
	require.Len(t, r.batches, 1)
}

func TestDiffIsWhatMakesOneRecordTheOther(t *testing.T) {
	t.Parallel()
	things := newThings(t, &recorder{})
	green := color("GREEN")
	before := aThing()
	before.Note, before.Shade, before.Tags, before.Ends = "n", &green, []string{"x"}, 5
	require.True(t, things.Diff(before, before).Empty())

	after := before
	after.ID, after.At = "b", noon.In(time.FixedZone("east", 3600))
	shade := green
	after.Shade, after.Tags = &shade, []string{"x"}
	require.True(t, things.Diff(before, after).Empty(), "the key, another zone, and equal values elsewhere")

	after.At, after.Color, after.Note, after.Shade, after.Tags, after.Ends = noon.Add(1e9), "GREEN", "", nil, nil, 0
	after.Labels = map[string]string{"k": "v"}
	require.Equal(t, Changes{
		Set:    map[string]any{"at": noon.Add(1e9), "color": color("GREEN"), "tags": []string(nil), "labels": map[string]string{"k": "v"}},
		Remove: []string{"shade", "note", "ends"},
	}, things.Diff(before, after))
	_, err := things.Update(t.Context(), "a", things.Diff(after, before))
	require.NotErrorIs(t, err, ErrInvalid, "a difference is an update that Update takes")
}
