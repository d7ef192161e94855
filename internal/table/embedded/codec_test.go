package embedded

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/statusd/statusd/internal/table"
)

// anyNumber draws a number as DynamoDB gives it back.
func anyNumber() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		digits := rapid.StringMatching(`[0-9]{1,38}`).Draw(t, "digits")
		exponent := rapid.IntRange(-80, 80).Draw(t, "exponent")
		sign := rapid.SampledFrom([]string{"", "-"}).Draw(t, "sign")
		n, err := table.NormalizeNumber(fmt.Sprintf("%s%se%d", sign, digits, exponent))
		require.NoError(t, err)
		return n
	})
}

// anyValue draws a value of any type, nested so deep.
func anyValue(depth int) *rapid.Generator[types.AttributeValue] {
	return rapid.Custom(func(t *rapid.T) types.AttributeValue {
		text := rapid.String()
		data := rapid.SliceOfN(rapid.Byte(), 0, 20)
		kinds := 8
		if depth > 0 {
			kinds = 10
		}
		switch rapid.IntRange(1, kinds).Draw(t, "kind") {
		case 1:
			return &types.AttributeValueMemberS{Value: text.Draw(t, "S")}
		case 2:
			return &types.AttributeValueMemberN{Value: anyNumber().Draw(t, "N")}
		case 3:
			return &types.AttributeValueMemberB{Value: data.Draw(t, "B")}
		case 4:
			return &types.AttributeValueMemberBOOL{Value: rapid.Bool().Draw(t, "BOOL")}
		case 5:
			return &types.AttributeValueMemberNULL{Value: true}
		case 6:
			return &types.AttributeValueMemberSS{Value: rapid.SliceOfN(text, 1, 4).Draw(t, "SS")}
		case 7:
			return &types.AttributeValueMemberNS{Value: rapid.SliceOfN(anyNumber(), 1, 4).Draw(t, "NS")}
		case 8:
			return &types.AttributeValueMemberBS{Value: rapid.SliceOfN(data, 1, 4).Draw(t, "BS")}
		case 9:
			return &types.AttributeValueMemberM{Value: rapid.MapOfN(text, anyValue(depth-1), 0, 4).Draw(t, "M")}
		default:
			return &types.AttributeValueMemberL{Value: rapid.SliceOfN(anyValue(depth-1), 0, 4).Draw(t, "L")}
		}
	})
}

func TestAnItemIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		item := rapid.MapOfN(rapid.String(), anyValue(3), 0, 6).Draw(t, "item")
		stored := string(appendItem(nil, item, "id"))
		require.True(t, json.Valid([]byte(stored)), stored)
		found, err := parseItem(stored)
		require.NoError(t, err)
		require.Equal(t, table.Item(item), found)

		// However another program lays the same JSON out.
		var any map[string]any
		require.NoError(t, json.Unmarshal([]byte(stored), &any))
		spaced, err := json.MarshalIndent(any, "", "\t")
		require.NoError(t, err)
		found, err = parseItem(string(spaced))
		require.NoError(t, err)
		require.Equal(t, table.Item(item), found)
	})
}

func TestTextThatIsNotUTF8IsStoredAsTheSDKSendsIt(t *testing.T) {
	t.Parallel()
	stored := string(appendText(nil, "a\xffb\xc3"))
	require.Equal(t, "\"a\ufffdb\ufffd\"", stored)
	require.True(t, utf8.ValidString(stored))
}

func TestWhatIsNoItemIsAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "{", "[]", `{"a"}`, `{"a":1}`, `{"a":{}}`, `{"a":{"X":"1"}}`, `{"a":{"N":"x"}}`, `{"a":{"N":1}}`,
		`{"a":{"S":"1"}} x`, `{"a":{"S":"1"},}`, `{"a":{"S":"\q"}}`, `{"a":{"B":"?"}}`, `{"a":{"BOOL":1}}`,
		`{"a":{"L":[1]}}`, `{"a":{"SS":["x",]}}`, `{"a":{"S":"1","N":"1"}}`, "{\"a\":{\"S\":\"\n\"}}",
		strings.Repeat(`{"a":{"M":`, 100),
	} {
		_, err := parseItem(text)
		require.Error(t, err, text)
	}
}

func FuzzParseItem(f *testing.F) {
	f.Add(`{"id":{"S":"a"},"n":{"N":"1.5"},"m":{"M":{"x":{"L":[{"BOOL":true},{"NULL":true}]}}},"b":{"B":"AAE="}}`)
	f.Add(`{"s":{"SS":["a","\u00e9"]},"t":{"NS":["1","2"]},"u":{"BS":["AA=="]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		item, err := parseItem(text)
		if err != nil {
			return
		}
		again, err := parseItem(string(appendItem(nil, item, "id")))
		if err != nil {
			t.Fatalf("what was read can't be read again: %v", err)
		}
		if len(again) != len(item) {
			t.Fatal("attributes were lost")
		}
	})
}

func TestNumbersInColumnsSortByValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyNumber().Draw(t, "a"), anyNumber().Draw(t, "b")
		want := table.CompareNumbers(a, b)
		require.Equal(t, sign(want), sign(strings.Compare(sortable(a), sortable(b))), "%s %s", sortable(a), sortable(b))
	})
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func BenchmarkItem(b *testing.B) {
	item := table.Item{
		"id": text("job"), "state": text("in-progress"), "at": text("2030-01-02T03:04:05.678Z"), "version": number(17),
		"progress": &types.AttributeValueMemberM{Value: table.Item{"current": number(3), "total": number(10), "unit": text("epoch")}},
	}
	stored := string(appendItem(nil, item, "id"))
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			appendItem(make([]byte, 0, 512), item, "id")
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := parseItem(stored); err != nil {
				b.Fatal(err)
			}
		}
	})
}
