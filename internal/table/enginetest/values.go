package enginetest

import (
	"math"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

func list(of ...types.AttributeValue) types.AttributeValue {
	return &types.AttributeValueMemberL{Value: of}
}

func object(of table.Item) types.AttributeValue { return &types.AttributeValueMemberM{Value: of} }

// nested is a list within lists, so many in all.
func nested(levels int) types.AttributeValue {
	av := list(text("core"))
	for range levels - 1 {
		av = list(av)
	}
	return av
}

func testValues(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	engine := unwatched(t, h)
	null := &types.AttributeValueMemberNULL{Value: true}
	for name, c := range map[string]struct{ given, read types.AttributeValue }{
		"38 digits":              {number("-12345678901234567890123456789012345678"), nil},
		"38 digits, all after":   {number("0.12345678901234567890123456789012345678"), nil},
		"a tiny number":          {number("-1.5E-100"), number("-0." + strings.Repeat("0", 99) + "15")},
		"the least number":       {number("1E-130"), number("0." + strings.Repeat("0", 129) + "1")},
		"a huge number":          {number("9.9E+125"), number("99" + strings.Repeat("0", 124))},
		"a fraction":             {number("0.1"), nil},
		"needless zeros":         {number("+001.500"), number("1.5")},
		"minus zero":             {number("-0.0"), number("0")},
		"an empty text":          {text(""), nil},
		"escapes":                {text("\"\\\n\t\u2028<>&\x00\x01\x7f\ufeff🍕"), nil},
		"an empty list":          {list([]types.AttributeValue{}...), list([]types.AttributeValue{}...)},
		"an empty map":           {object(table.Item{}), nil},
		"no binary":              {&types.AttributeValueMemberB{Value: []byte{}}, nil},
		"binary":                 {&types.AttributeValueMemberB{Value: []byte{0, 1, 255}}, nil},
		"yes":                    {&types.AttributeValueMemberBOOL{Value: true}, nil},
		"no":                     {&types.AttributeValueMemberBOOL{Value: false}, nil},
		"null":                   {null, nil},
		"texts":                  {&types.AttributeValueMemberSS{Value: []string{"x"}}, nil},
		"an empty text in a set": {&types.AttributeValueMemberSS{Value: []string{""}}, nil},
		"numbers":                {&types.AttributeValueMemberNS{Value: []string{"1.0"}}, &types.AttributeValueMemberNS{Value: []string{"1"}}},
		"binaries":               {&types.AttributeValueMemberBS{Value: [][]byte{{1, 0}}}, nil},
		"all within one another": {
			list(object(table.Item{"é": number("1e3"), "S": text(""), "N": null, "m": object(table.Item{"L": list(null, list(number("-1")))})}), null, text("x")),
			list(object(table.Item{"é": number("1000"), "S": text(""), "N": null, "m": object(table.Item{"L": list(null, list(number("-1")))})}), null, text("x")),
		},
		"31 lists within one another": {nested(31), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if c.read == nil {
				c.read = c.given
			}
			put(t, h, jobs.Schema(), table.Item{"id": text(name), "x": c.given})
			require.Equal(t, table.Item{"id": text(name), "x": c.read}, item(t, h, jobs.Schema(), name))
			after, err := engine.Update(t.Context(), jobs.Schema(), table.Update{Key: text(name), Set: table.Item{"y": c.given}, Now: now})
			require.NoError(t, err)
			require.Equal(t, table.Item{"id": text(name), "x": c.read, "y": c.read}, after)
			was, err := engine.Delete(t.Context(), jobs.Schema(), table.Delete{Key: text(name), Now: now})
			require.NoError(t, err)
			require.Equal(t, after, was)
		})
	}
	t.Run("sets hold each element, in any order", func(t *testing.T) {
		put(t, h, jobs.Schema(), table.Item{
			"id": text("sets"), "texts": &types.AttributeValueMemberSS{Value: []string{"b", "a", "A"}},
			"numbers": &types.AttributeValueMemberNS{Value: []string{"10", "9", "-1"}},
		})
		found := item(t, h, jobs.Schema(), "sets")
		require.ElementsMatch(t, []string{"a", "b", "A"}, found["texts"].(*types.AttributeValueMemberSS).Value)
		require.ElementsMatch(t, []string{"10", "9", "-1"}, found["numbers"].(*types.AttributeValueMemberNS).Value)
	})
	for name, av := range map[string]types.AttributeValue{
		"39 digits": number("1" + strings.Repeat("2", 38)), "over the range": number("1E+126"), "under the range": number("1E-131"),
		"no number": number("x"), "an empty number": number(""), "no number in a list": list(number("NaN")),
		"an empty set":             &types.AttributeValueMemberSS{Value: []string{}},
		"the same twice in a set":  &types.AttributeValueMemberSS{Value: []string{"x", "x"}},
		"the same number in a set": &types.AttributeValueMemberNS{Value: []string{"1", "1.0"}},
		"a null that is false":     &types.AttributeValueMemberNULL{Value: false},
	} {
		t.Run(name, func(t *testing.T) {
			err := engine.Put(t.Context(), jobs.Schema(), table.Put{Now: now, Item: table.Item{"id": text(name), "x": av}})
			require.ErrorIs(t, err, table.ErrInvalid)
			put(t, h, jobs.Schema(), table.Item{"id": text(name)})
			_, err = engine.Update(t.Context(), jobs.Schema(), table.Update{Key: text(name), Set: table.Item{"x": av}, Now: now})
			require.ErrorIs(t, err, table.ErrInvalid)
			require.Equal(t, table.Item{"id": text(name)}, item(t, h, jobs.Schema(), name))
		})
	}
	t.Run("floats that fit are kept", func(t *testing.T) {
		for _, rank := range []float64{0.1, -1.5, math.Pi, 1e100, -1e-100, 1 << 53, 123456.789} {
			create(t, jobs, job{ID: "float", Version: 1, Rank: rank})
			was, err := jobs.Delete(t.Context(), "float")
			require.NoError(t, err)
			require.Equal(t, rank, was.Rank)
		}
		for _, rank := range []float64{math.NaN(), math.Inf(1), math.MaxFloat64, math.SmallestNonzeroFloat64} {
			require.ErrorIs(t, jobs.Create(t.Context(), job{ID: "float", State: "new", Rank: rank}), table.ErrInvalid)
		}
	})
}

func testSize(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	// DynamoDB counts names and values: 2+1 for the key, 4 for the fill's name.
	fill := strings.Repeat("x", 400<<10-7)
	t.Run("400 KB are no more than it takes", func(t *testing.T) {
		whole := table.Item{"id": text("a"), "fill": text(fill)}
		put(t, h, jobs.Schema(), whole)
		require.Equal(t, whole, item(t, h, jobs.Schema(), "a"))
		_, err := unwatched(t, h).Update(t.Context(), jobs.Schema(), table.Update{Key: text("a"), Set: table.Item{"x": text("")}, Now: now})
		require.ErrorIs(t, err, table.ErrTooLarge)
		err = unwatched(t, h).Put(t.Context(), jobs.Schema(), table.Put{Item: table.Item{"id": text("b"), "fill": text(fill + "x")}, Now: now})
		require.ErrorIs(t, err, table.ErrTooLarge)
		require.Equal(t, whole, item(t, h, jobs.Schema(), "a"))
	})
	t.Run("a record over 400 KB is refused", func(t *testing.T) {
		j := create(t, jobs, job{ID: "large", Version: 1, Fill: fill[:400<<10-200]})
		require.Equal(t, j, get(t, jobs, "large"))
		require.ErrorIs(t, jobs.Create(t.Context(), job{ID: "larger", State: "new", Fill: fill}), table.ErrTooLarge)
		_, err := jobs.Get(t.Context(), "larger", table.Consistent())
		require.ErrorIs(t, err, table.ErrNotFound)
		_, err = jobs.Update(t.Context(), "large", set("name", strings.Repeat("y", 200)))
		require.ErrorIs(t, err, table.ErrTooLarge)
		require.Equal(t, j, get(t, jobs, "large"))
		_, err = jobs.Update(t.Context(), "large", set("fill", strings.Repeat("é", 399<<10/2)))
		require.NoError(t, err, "it may be replaced by as much")
	})
	t.Run("pages of large records are walked to the end", func(t *testing.T) {
		for _, id := range []string{"1", "2", "3", "4", "5"} {
			create(t, jobs, job{ID: id, Version: 1, Fill: fill[:300<<10]})
		}
		var found int
		for j, err := range jobs.Scan(t.Context()) {
			if j.ID != "" && j.ID[0] < 'a' {
				require.NoError(t, err)
				found++
			}
		}
		require.Equal(t, 5, found)
		results, err := jobs.GetMany(t.Context(), []any{"1", "2", "3", "4", "5"}, table.Consistent())
		require.NoError(t, err)
		for _, r := range results {
			require.NoError(t, r.Err)
			require.Len(t, r.Record.Fill, 300<<10)
		}
	})
}
