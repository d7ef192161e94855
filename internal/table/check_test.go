package table

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
)

func binary(b ...byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }
func boolean(b bool) types.AttributeValue   { return &types.AttributeValueMemberBOOL{Value: b} }

func TestACheckHoldsAsDynamoDBEvaluatesIt(t *testing.T) {
	t.Parallel()
	list := &types.AttributeValueMemberL{}
	for _, c := range []struct {
		found, value  types.AttributeValue
		equals, below bool
	}{
		{text("a"), text("a"), true, false},
		{text("a"), text("b"), false, true},
		{text("b"), text("a"), false, false},
		{text("B"), text("a"), false, true},
		{text(""), text("a"), false, true},
		{text("\uffff"), text("\U00010000"), false, true}, // by bytes of UTF-8
		{number("2"), number("10"), false, true},
		{number("1.0"), number("1"), true, false},
		{number("-1"), number("1E-3"), false, true},
		{binary(1), binary(1, 0), false, true},
		{binary(200), binary(100), false, false},
		{binary(), binary(), true, false},
		{boolean(true), boolean(true), true, false},
		{boolean(false), boolean(true), false, false}, // no bool is below another
		{boolean(true), boolean(false), false, false},
		{text("1"), number("1"), false, false},
		{number("1"), text("1"), false, false},
		{null(), text(""), false, false},
		{list, list, false, false},
		{nil, text("a"), false, false},
		{text("a"), nil, false, false},
		{nil, nil, false, false},
	} {
		item := Item{"x": c.found}
		if c.found == nil {
			item = Item{}
		}
		require.Equal(t, c.equals, Check{"x", OpEquals, c.value}.Holds(item), "%v = %v", c.found, c.value)
		require.Equal(t, c.below, Check{"x", OpBelow, c.value}.Holds(item), "%v < %v", c.found, c.value)
		require.Equal(t, c.found == nil, Check{"x", OpAbsent, nil}.Holds(item))
		require.False(t, Check{"y", OpEquals, c.value}.Holds(item))
		require.False(t, Check{"x", 0, c.value}.Holds(item), "no operator at all")
	}
	require.True(t, Check{"x", OpAbsent, nil}.Holds(nil))
}

func TestARecordIsAliveUntilItsTimeToLive(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 999_999_999)
	s := &Schema{TTL: "ends"}
	for value, alive := range map[types.AttributeValue]bool{
		number("1001"): true, number("1000.5"): true, number("1E5"): true, number("1000"): false, number("999"): false,
		number("1000.0"): false, number("0"): false, number("-1"): false,
		text("1"): true, null(): true, boolean(true): true,
	} {
		require.Equal(t, alive, s.Alive(Item{"ends": value}, now), "%v", value)
		require.True(t, (&Schema{}).Alive(Item{"ends": value}, now), "without a time to live nothing ends")
	}
	require.True(t, s.Alive(Item{}, now))
	require.False(t, s.Alive(nil, now))
	require.False(t, (&Schema{}).Alive(nil, now))
}

func TestAConditionIsCheckedAgainstTheDeclaration(t *testing.T) {
	t.Parallel()
	r := &recorder{item: stored()}
	things := newThings(t, r)
	for name, c := range map[string]Condition{
		"no such attribute":           Absent("more"),
		"no such attribute to equal":  Equals("more", 1),
		"a text for a number":         Equals("count", "1"),
		"a number for a text":         Below("note", 1),
		"a number for a time":         Below("at", 1),
		"a list":                      Equals("tags", []string{"x"}),
		"a map":                       Equals("labels", map[string]string{}),
		"a set":                       Equals("words", &types.AttributeValueMemberSS{Value: []string{"x"}}),
		"nothing":                     Equals("note", nil),
		"a null":                      Equals("note", null()),
		"a function":                  Equals("note", func() {}),
		"what can't be encoded":       Equals("note", struct{ X any }{func() {}}),
		"below a bool":                Below("note", boolean(true)),
		"a zero attribute value":      Equals("note", types.AttributeValue(nil)),
		"an attribute without a name": Absent(""),
	} {
		_, err := things.Update(t.Context(), "a", Changes{Set: map[string]any{"v": 1}}, c)
		if name == "an attribute without a name" {
			require.NoError(t, err, "is the version")
			continue
		}
		require.ErrorIs(t, err, ErrInvalid, name)
		_, err = things.Delete(t.Context(), "a", VersionIs(1), c)
		require.ErrorIs(t, err, ErrInvalid, name)
	}
	type unversioned struct {
		ID string `table:"key"`
	}
	plain, err := New[unversioned](r, "plain")
	require.NoError(t, err)
	_, err = plain.Delete(t.Context(), "a", VersionIs(1))
	require.ErrorIs(t, err, ErrInvalid)
	require.ErrorContains(t, err, "version")

	r.updates = nil
	_, err = things.Update(t.Context(), "a", Changes{Set: map[string]any{"v": 1}},
		Equals("color", "a word that is none may be looked for"), Equals("at", noon), Equals("count", number("1E0")), Equals("count", text("1")), Below("ends", 1.5))
	require.NoError(t, err)
	require.Equal(t, []Check{
		{"color", OpEquals, text("a word that is none may be looked for")}, {"at", OpEquals, text("2024-05-06T12:00:00.000Z")},
		{"count", OpEquals, number("1E0")}, {"count", OpEquals, text("1")}, {"ends", OpBelow, number("1.5")},
	}, r.updates[0].If)
}
