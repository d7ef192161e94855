package table

import (
	"encoding/base64"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAQueryIsCheckedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	things := newThings(t, r)
	things.added = []Index{{Name: "by_v", Hash: "v", Projection: ProjectKeysOnly}}
	for name, s := range map[string]Select{
		"no such index":         {Index: "by_note", Hash: "RED", Limit: 1},
		"no limit":              {Index: "by_color", Hash: "RED"},
		"a limit below 1":       {Index: "by_color", Hash: "RED", Limit: -1},
		"a limit over 32 bits":  {Index: "by_color", Hash: "RED", Limit: math.MaxInt32 + 1},
		"no hash":               {Index: "by_color", Limit: 1},
		"a hash of no kind":     {Index: "by_color", Hash: 7, Limit: 1},
		"a hash that is none":   {Index: "by_color", Hash: "BLUE", Limit: 1},
		"an empty hash":         {Index: "by_color", Hash: "", Limit: 1},
		"a start of no kind":    {Index: "by_color", Hash: "RED", From: 7, Limit: 1},
		"a start without range": {Index: "by_v", Hash: 1, From: 7, Limit: 1},
		"no cursor":             {Index: "by_color", Hash: "RED", Limit: 1, Cursor: "*"},
	} {
		_, err := things.Query(t.Context(), s)
		require.ErrorIs(t, err, ErrInvalid, name)
		require.ErrorContains(t, err, "things")
	}
	require.Empty(t, r.queries)
}

func TestACursorGoesOnWhereThePageEnded(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	things := newThings(t, r)
	last := Item{"id": text("é\x00\""), "color": text("RED"), "at": text("2024-05-06T12:00:00.000Z")}
	r.next = last
	page, err := things.Query(t.Context(), Select{Index: "by_color", Hash: "RED", Limit: 3})
	require.NoError(t, err)
	require.Nil(t, r.queries[0].After)
	require.Empty(t, page.Records)

	r.next = nil
	page, err = things.Query(t.Context(), Select{Index: "by_color", Hash: "RED", Limit: 3, From: noon, Oldest: true, Cursor: page.Cursor})
	require.NoError(t, err)
	require.Empty(t, page.Cursor)
	index, _ := things.index("by_color")
	require.Equal(t, Query{Index: index, Hash: text("RED"), From: text("2024-05-06T12:00:00.000Z"), Oldest: true, Limit: 3, After: last}, r.queries[1])

	made, err := things.CursorAt("by_color", "é\x00\"", noon)
	require.NoError(t, err)
	require.Equal(t, encodeCursor(last["id"], last["at"]), made)
	for _, bad := range [][3]any{{"by_color", 7, noon}, {"by_color", "a", 7}, {"by_color", "a", nil}, {"none", "a", noon}} {
		_, err := things.CursorAt(bad[0].(string), bad[1], bad[2])
		require.ErrorIs(t, err, ErrInvalid)
	}
}

func TestACursorOfAnIndexWithoutRangeIsTheKey(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	things := newThings(t, r)
	things.added = []Index{{Name: "by_v", Hash: "v", Projection: ProjectKeysOnly}}
	made, err := things.CursorAt("by_v", "a", nil)
	require.NoError(t, err)
	_, err = things.Query(t.Context(), Select{Index: "by_v", Hash: 1, Limit: 1, Cursor: made})
	require.NoError(t, err)
	require.Equal(t, Item{"id": text("a"), "v": number("1")}, r.queries[0].After)
	_, err = things.Query(t.Context(), Select{Index: "by_color", Hash: "RED", Limit: 1, Cursor: made})
	require.ErrorIs(t, err, ErrInvalid, "a cursor of another index")
}

func TestAForeignCursorIsRefused(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	things := newThings(t, r)
	of := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	for _, cursor := range []string{
		"x", "====", of("null"), of("[]"), of("{}"), of("{"), of(`"a"`), of(`{"k":1}`),
		of(`{"k":"N","v":"1","r":"S","w":"x"}`),     // a key of another type
		of(`{"k":"S","v":"a"}`),                     // no range
		of(`{"k":"S","v":"a","r":"N","w":"1"}`),     // a range of another type
		of(`{"k":"S","v":"","r":"S","w":"x"}`),      // no key can be empty
		of(`{"k":"S","v":"a","r":"S","w":""}`),      // nor any range
		of(`{"k":"S","v":"a","r":"S","w":"x"} {}`),  // more than one
		of(`{"k":"L","v":"a","r":"S","w":"x"}`),     // no scalar
		of(`{"k":"N","v":"1e999","r":"S","w":"x"}`), // no number
	} {
		_, err := things.Query(t.Context(), Select{Index: "by_color", Hash: "RED", Limit: 1, Cursor: cursor})
		require.ErrorIs(t, err, ErrInvalid, cursor)
	}
	require.Empty(t, r.queries)
}

func FuzzACursorIsReadOrRefused(f *testing.F) {
	r := &recorder{}
	things, err := New[thing](r, "things")
	require.NoError(f, err)
	f.Add(encodeCursor(text("a"), text("b")))
	f.Add(encodeCursor(number("1"), nil))
	f.Add(encodeCursor(text("a"), binary(0, 1)))
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"k":"S","v":"\ud800","r":"S","w":"\u0000"}`)))
	f.Add("")
	f.Fuzz(func(t *testing.T, cursor string) {
		r.queries = nil
		_, err := things.Query(t.Context(), Select{Index: "by_color", Hash: "RED", Limit: 1, Cursor: cursor})
		if err != nil {
			require.ErrorIs(t, err, ErrInvalid)
			require.Empty(t, r.queries)
			return
		}
		if cursor == "" {
			require.Nil(t, r.queries[0].After)
			return
		}
		after := r.queries[0].After
		require.Len(t, after, 3)
		key, rng, err := decodeCursor(encodeCursor(after["id"], after["at"]))
		require.NoError(t, err)
		require.Equal(t, after["id"], key)
		require.Equal(t, after["at"], rng)
	})
}

func TestARecordPastItsTimeIsLeftOutOfAPage(t *testing.T) {
	t.Parallel()
	r := &recorder{
		items: []Item{stored("id", text("dead"), "ends", number(EpochSeconds(noon))), stored("ends", number(EpochSeconds(noon.Add(time.Second))))},
		next:  stored(),
	}
	page, err := newThings(t, r).Query(t.Context(), Select{Index: "by_color", Hash: "RED", Limit: 2})
	require.NoError(t, err)
	require.Len(t, page.Records, 1)
	require.Equal(t, "a", page.Records[0].Record.ID)
	require.NotEmpty(t, page.Cursor)
	require.NotContains(t, page.Cursor, "/")
	require.Equal(t, strings.TrimRight(page.Cursor, "="), page.Cursor)
}
