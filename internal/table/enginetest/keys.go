package enginetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

func testKeys(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	for name, key := range map[string]string{
		"quotes": `it's "quoted" \ here`, "SQL": `'; DROP TABLE jobs; --`, "JSON": `{"S":"a"}`, "unicode": "日本語 é e\u0301 🍕",
		"control characters": "a\x00b\nc\x7f", "a space": " ", "a space after": "a ", "case": "Job", "other case": "job", "percent": "100%_*?",
		"digits": "007", "fewer digits": "7", "2,048 bytes": strings.Repeat("é", 1024), "2,048 others": strings.Repeat("é", 1023) + "ab",
	} {
		t.Run(name, func(t *testing.T) {
			j := create(t, jobs, job{ID: key, Version: 1, Name: name})
			require.Equal(t, j, get(t, jobs, key))
			after, err := jobs.Update(t.Context(), key, set("version", 2))
			require.NoError(t, err)
			require.Equal(t, key, after.ID)
			found, err := jobs.GetMany(t.Context(), []any{key}, table.Consistent())
			require.NoError(t, err)
			require.Equal(t, after, found[0].Record)
		})
	}
	t.Run("each is of one record", func(t *testing.T) {
		names := make(map[string]string)
		for j, err := range jobs.Scan(t.Context()) {
			require.NoError(t, err)
			names[j.Name] = j.ID
		}
		require.Len(t, names, 14)
		for name, key := range names {
			was, err := jobs.Delete(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, name, was.Name)
		}
	})
	t.Run("2,049 bytes are too many", func(t *testing.T) {
		long := strings.Repeat("x", 2049)
		require.ErrorIs(t, jobs.Create(t.Context(), job{ID: long, State: "new"}), table.ErrTooLarge)
		_, err := jobs.Get(t.Context(), long)
		require.ErrorIs(t, err, table.ErrTooLarge)
		_, err = jobs.GetMany(t.Context(), []any{"a", long})
		require.ErrorIs(t, err, table.ErrTooLarge)
		_, err = jobs.Update(t.Context(), long, set("version", 2))
		require.ErrorIs(t, err, table.ErrTooLarge)
		_, err = jobs.Delete(t.Context(), long)
		require.ErrorIs(t, err, table.ErrTooLarge)
	})
	t.Run("an empty one is none", func(t *testing.T) {
		require.ErrorIs(t, jobs.Create(t.Context(), job{State: "new"}), table.ErrInvalid)
		_, err := jobs.Get(t.Context(), "")
		require.ErrorIs(t, err, table.ErrInvalid)
		_, err = jobs.Get(t.Context(), 7)
		require.ErrorIs(t, err, table.ErrInvalid)
		engine := unwatched(t, h)
		_, err = engine.Get(t.Context(), jobs.Schema(), text(""), true)
		require.ErrorIs(t, err, table.ErrInvalid)
		_, err = engine.Get(t.Context(), jobs.Schema(), number("7"), true)
		require.ErrorIs(t, err, table.ErrInvalid)
		require.ErrorIs(t, engine.Put(t.Context(), jobs.Schema(), table.Put{Item: table.Item{"name": text("keyless")}, Now: now}), table.ErrInvalid)
	})
	t.Run("no update changes one", func(t *testing.T) {
		create(t, jobs, job{ID: "fixed", Version: 1})
		for _, u := range []table.Update{{Set: table.Item{"id": text("other")}}, {Remove: []string{"id"}}} {
			u.Key, u.Now = text("fixed"), now
			_, err := unwatched(t, h).Update(t.Context(), jobs.Schema(), u)
			require.ErrorIs(t, err, table.ErrInvalid)
		}
	})
}

// relationship and person are the phone book, a table with an integer key.
type relationship string

func (relationship) Values() []string {
	return []string{"PARENT", "SIBLING", "FRIEND", "COLLEAGUE", "ACQUAINTANCE"}
}

type person struct {
	PersonID     int64        `dynamodbav:"person_id" table:"key"`
	Name         string       `dynamodbav:"name"`
	PhoneNumber  string       `dynamodbav:"phone_number"`
	Relationship relationship `dynamodbav:"relationship"`
	Timestamp    time.Time    `dynamodbav:"timestamp"`
}

func testIntegerKeys(t *testing.T, h Harness) {
	book := open[person](t, h, h.Table(t))
	numbers := []int64{0, 1, -1, 10, -10, 1 << 53, 1<<53 + 1, -1 << 63, 1<<63 - 1}
	ada := func(id int64) person { return person{id, "Ada", "", "FRIEND", now} } // DynamoDB takes an empty text
	var keys []any
	for _, n := range numbers {
		require.NoError(t, book.Create(t.Context(), ada(n)))
		require.ErrorIs(t, book.Create(t.Context(), ada(n)), table.ErrExists)
		keys = append(keys, n)
	}
	found, err := book.GetMany(t.Context(), append(keys, 99, int8(1)), table.Consistent())
	require.NoError(t, err)
	require.ErrorIs(t, found[len(numbers)].Err, table.ErrNotFound)
	require.Equal(t, found[1], found[len(numbers)+1])
	for i, n := range numbers {
		require.Equal(t, table.Result[person]{Record: ada(n)}, found[i])
		changed, err := book.Update(t.Context(), n, table.Changes{Set: map[string]any{"relationship": "COLLEAGUE"}}, table.Equals("person_id", n))
		require.NoError(t, err)
		require.Equal(t, person{n, "Ada", "", "COLLEAGUE", now}, changed)
		was, err := book.Delete(t.Context(), n)
		require.NoError(t, err)
		require.Equal(t, changed, was)
	}
	require.NoError(t, book.Ping(t.Context()))
	for range book.Scan(t.Context()) {
		require.Fail(t, "none is left")
	}

	t.Run("one number has one record, however it is written", func(t *testing.T) {
		engine := unwatched(t, h)
		require.NoError(t, engine.Put(t.Context(), book.Schema(), table.Put{Item: table.Item{"person_id": number("7e1")}, Now: now}))
		for _, form := range []string{"70", "70.0", "0.7E+2", "+070"} {
			item, err := engine.Get(t.Context(), book.Schema(), number(form), true)
			require.NoError(t, err)
			require.Equal(t, table.Item{"person_id": number("70")}, item)
		}
	})
}
