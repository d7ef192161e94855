// Package enginetest is the one suite that every engine passes: what the
// corners of a table are like, by the behaviour of DynamoDB.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// Harness gives the suite an engine.
type Harness struct {
	Engine func(t *testing.T, o table.Observer) table.Engine
	// Table returns a name that is free, and frees it after the test.
	Table func(t *testing.T) string
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for _, part := range []struct {
		name string
		test func(t *testing.T, h Harness)
	}{
		{"Create", testCreate}, {"Get", testGet}, {"GetMany", testGetMany}, {"Update", testUpdate},
		{"Conditions", testConditions}, {"Delete", testDelete}, {"Scan", testScan},
		{"Keys", testKeys}, {"Values", testValues}, {"Size", testSize},
		{"TimeToLive", testTimeToLive}, {"Counting", testCounting},
		{"Query", testQuery}, {"Indexes", testIndexes}, {"Tables", testTables},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.test(t, h)
		})
	}
}

// state is a categorical attribute.
type state string

func (state) Values() []string { return []string{"new", "busy", "done"} }

// job is the declaration that most of the suite works with. Some of its
// attributes have names that DynamoDB reserves, or that an expression could
// take for something else.
type job struct {
	ID      string            `dynamodbav:"id" table:"key"`
	State   state             `dynamodbav:"state" table:"index=by_state:keys_only"`
	At      time.Time         `dynamodbav:"at,omitempty" table:"range=by_state"`
	Team    string            `dynamodbav:"team,omitempty" table:"index=by_team:include(size name)"`
	Rank    float64           `dynamodbav:"rank,omitempty" table:"range=by_team"`
	Version int64             `dynamodbav:"version" table:"version"`
	Ends    int64             `dynamodbav:"ends,omitempty" table:"ttl"`
	Name    string            `dynamodbav:"name,omitempty"`
	Size    int64             `dynamodbav:"size,omitempty"`
	Odd     string            `dynamodbav:"a.b #c:d e,omitempty"`
	Tags    map[string]string `dynamodbav:"tags,omitempty"`
	Steps   []string          `dynamodbav:"steps,omitempty"`
	Done    bool              `dynamodbav:"done,omitempty"`
	Fill    string            `dynamodbav:"fill,omitempty"`
}

var (
	// now is what all clocks of the suite say.
	now  = time.Now().UTC().Truncate(time.Second)
	past = now.Add(-time.Hour).Unix()
)

// jobs returns an empty table of jobs.
func jobs(t *testing.T, h Harness) *table.Table[job] {
	t.Helper()
	return jobsNamed(t, h, h.Table(t))
}

func jobsNamed(t *testing.T, h Harness, name string) *table.Table[job] {
	t.Helper()
	return open[job](t, h, name)
}

// open declares a table and makes it.
func open[T any](t *testing.T, h Harness, name string) *table.Table[T] {
	t.Helper()
	declared, err := table.New[T](h.Engine(t, func(table.Call) {}), name, table.WithClock(func() time.Time { return now }))
	require.NoError(t, err)
	require.NoError(t, declared.CreateTable(t.Context(), table.Capacity{}))
	return declared
}

func create(t *testing.T, jobs *table.Table[job], j job) job {
	t.Helper()
	if j.State == "" {
		j.State = "new"
	}
	require.NoError(t, jobs.Create(t.Context(), j))
	return j
}

func get(t *testing.T, jobs *table.Table[job], id string) job {
	t.Helper()
	found, err := jobs.Get(t.Context(), id, table.Consistent())
	require.NoError(t, err)
	return found
}

func set(name string, value any) table.Changes {
	return table.Changes{Set: map[string]any{name: value}}
}

// conflict expects a write to have been refused, and returns the record that
// it met.
func conflict(t *testing.T, err, kind error) job {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var failed *table.ConflictError[job]
	require.ErrorAs(t, err, &failed)
	return failed.Found
}

// eventually waits for what an index shows: on DynamoDB it lags.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 30*time.Second, 20*time.Millisecond)
}

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }

func testCreate(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	t.Run("stores the record", func(t *testing.T) {
		j := create(t, jobs, job{ID: "whole", At: now, Team: "a", Rank: 1.5, Version: 3, Name: "n", Size: 7,
			Odd: "o", Tags: map[string]string{"k": "v"}, Steps: []string{"x", ""}, Done: true})
		require.Equal(t, j, get(t, jobs, "whole"))
	})
	t.Run("never overwrites, and carries the record that is there", func(t *testing.T) {
		j := create(t, jobs, job{ID: "twice", Version: 1, Name: "first"})
		err := jobs.Create(t.Context(), job{ID: "twice", State: "done", Version: 2, Name: "second"})
		require.Equal(t, j, conflict(t, err, table.ErrExists))
		require.Equal(t, j, get(t, jobs, "twice"))
	})
	t.Run("one of many at once is the first", func(t *testing.T) {
		var group sync.WaitGroup
		outcomes := make([]error, 16)
		for i := range outcomes {
			group.Go(func() {
				outcomes[i] = jobs.Create(t.Context(), job{ID: "race", State: "new", Version: int64(i + 1)})
			})
		}
		group.Wait()
		won := 0
		for i, err := range outcomes {
			if err == nil {
				won++
				require.EqualValues(t, i+1, get(t, jobs, "race").Version)
			} else {
				require.ErrorIs(t, err, table.ErrExists)
			}
		}
		require.Equal(t, 1, won)
	})
	t.Run("takes names and values", func(t *testing.T) {
		made, err := jobs.CreateFrom(t.Context(), map[string]any{"id": "from", "state": "busy", "version": 1, "at": "2030-01-02T03:04:05Z", "rank": 2})
		require.NoError(t, err)
		require.Equal(t, made, get(t, jobs, "from"))
		require.Equal(t, time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), made.At)
		_, err = jobs.CreateFrom(t.Context(), map[string]any{"id": "bad", "state": "lost", "rank": "high", "nick": 1})
		require.ErrorIs(t, err, table.ErrInvalid)
		for _, name := range []string{"state", "rank", "nick", "version"} {
			require.ErrorContains(t, err, name+":")
		}
		_, err = jobs.Get(t.Context(), "bad", table.Consistent())
		require.ErrorIs(t, err, table.ErrNotFound)
	})
}

func testGet(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	_, err := jobs.Get(t.Context(), "nobody")
	require.ErrorIs(t, err, table.ErrNotFound)
	j := create(t, jobs, job{ID: "a", Version: 1})
	require.Equal(t, j, get(t, jobs, "a"))

	t.Run("a value that T cannot hold is an error that names it", func(t *testing.T) {
		engine := h.Engine(t, func(table.Call) {})
		require.NoError(t, engine.Put(t.Context(), jobs.Schema(), table.Put{Now: now, Item: table.Item{
			"id": text("odd"), "state": text("lost"), "version": number("1"),
		}}))
		_, err := jobs.Get(t.Context(), "odd", table.Consistent())
		var corrupt *table.CorruptError
		require.ErrorAs(t, err, &corrupt)
		require.Equal(t, "state", corrupt.Problem.Attribute)
		require.ErrorContains(t, err, `"odd"`)
	})
	t.Run("a context that has ended is an error", func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := jobs.Get(ended, "a")
		require.ErrorIs(t, err, table.ErrUnavailable)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, jobs.Create(ended, job{ID: "b", State: "new"}), table.ErrUnavailable)
	})
	require.NoError(t, jobs.Ping(t.Context()))
}

func testGetMany(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	var keys []any
	for i := range 230 {
		id := fmt.Sprintf("job-%03d", i)
		if i%2 == 0 {
			create(t, jobs, job{ID: id, Version: int64(i)})
		}
		keys = append(keys, id)
	}
	keys = append(keys, "job-000")
	engine := h.Engine(t, func(table.Call) {})
	_, err := engine.Update(t.Context(), jobs.Schema(), table.Update{Key: text("job-002"), Set: table.Item{"version": text("x")}, Now: now})
	require.NoError(t, err)
	results, err := jobs.GetMany(t.Context(), keys, table.Consistent())
	require.NoError(t, err)
	require.Len(t, results, len(keys))
	for i, r := range results {
		switch {
		case i == 2:
			require.ErrorIs(t, r.Err, table.ErrCorrupt)
		case i%2 == 0:
			require.NoError(t, r.Err)
			require.Equal(t, keys[i], r.Record.ID)
		default:
			require.ErrorIs(t, r.Err, table.ErrNotFound)
		}
	}
	none, err := jobs.GetMany(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func testUpdate(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	t.Run("sets and removes, and returns the record after", func(t *testing.T) {
		create(t, jobs, job{ID: "a", Version: 1, Name: "old", Size: 4, Odd: "o"})
		after, err := jobs.Update(t.Context(), "a", table.Changes{
			Set:    map[string]any{"name": "new", "tags": map[string]string{"x": "y"}, "a.b #c:d e": "p", "state": "busy"},
			Remove: []string{"size"},
		})
		require.NoError(t, err)
		require.Equal(t, job{ID: "a", State: "busy", Version: 1, Name: "new", Odd: "p", Tags: map[string]string{"x": "y"}}, after)
		require.Equal(t, after, get(t, jobs, "a"))
	})
	t.Run("makes none that is not there", func(t *testing.T) {
		_, err := jobs.Update(t.Context(), "nobody", set("name", "x"))
		require.ErrorIs(t, err, table.ErrNotFound)
		_, err = jobs.Get(t.Context(), "nobody", table.Consistent())
		require.ErrorIs(t, err, table.ErrNotFound)
	})
	t.Run("refuses the key, and what is ill-typed", func(t *testing.T) {
		create(t, jobs, job{ID: "b", Version: 1})
		for _, changes := range []table.Changes{
			{}, set("id", "c"), {Remove: []string{"id"}}, set("version", "x"), set("state", "lost"), {Remove: []string{"state"}}, set("nick", 1),
		} {
			_, err := jobs.Update(t.Context(), "b", changes)
			require.ErrorIs(t, err, table.ErrInvalid)
		}
		require.EqualValues(t, 1, get(t, jobs, "b").Version)
	})
	t.Run("leaves alone what T does not know", func(t *testing.T) {
		engine := h.Engine(t, func(table.Call) {})
		require.NoError(t, engine.Put(t.Context(), jobs.Schema(), table.Put{Now: now, Item: table.Item{
			"id": text("known"), "state": text("new"), "version": number("1"), "foreign": &types.AttributeValueMemberSS{Value: []string{"x"}},
		}}))
		_, err := jobs.Update(t.Context(), "known", set("name", "x"))
		require.NoError(t, err)
		item, err := engine.Get(t.Context(), jobs.Schema(), text("known"), true)
		require.NoError(t, err)
		require.Equal(t, &types.AttributeValueMemberSS{Value: []string{"x"}}, item["foreign"])
	})
	t.Run("removes what is not there", func(t *testing.T) {
		create(t, jobs, job{ID: "c", Version: 1})
		_, err := jobs.Update(t.Context(), "c", table.Changes{Remove: []string{"size"}})
		require.NoError(t, err)
	})
	t.Run("is one call", func(t *testing.T) {
		create(t, jobs, job{ID: "d", Version: 1})
		var mu sync.Mutex
		var calls []table.Call
		watched, err := table.New[job](h.Engine(t, func(c table.Call) {
			mu.Lock()
			defer mu.Unlock()
			if c.Table == jobs.Schema().Table { // an engine may serve others, too
				calls = append(calls, c)
			}
		}), jobs.Schema().Table)
		require.NoError(t, err)
		_, err = watched.Update(t.Context(), "d", set("version", 2), table.VersionIs(1))
		require.NoError(t, err)
		_, err = watched.Update(t.Context(), "d", set("version", 2), table.VersionIs(1))
		require.ErrorIs(t, err, table.ErrConflict)
		require.Len(t, calls, 2)
		for _, c := range calls {
			require.Equal(t, "UpdateItem", c.Operation)
			require.Positive(t, c.Duration)
		}
	})
}

func testConditions(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	j := create(t, jobs, job{ID: "a", At: now, Version: 5, Name: "m", Size: 10, Done: true})
	for _, c := range []struct {
		name      string
		condition table.Condition
		holds     bool
	}{
		{"the version is", table.VersionIs(5), true},
		{"the version is another", table.VersionIs(4), false},
		{"absent", table.Absent("team"), true},
		{"not absent", table.Absent("name"), false},
		{"equal text", table.Equals("name", "m"), true},
		{"other text", table.Equals("name", "M"), false},
		{"equal number", table.Equals("size", 10), true},
		{"equal number in another form", table.Equals("size", number("1.0E1")), true},
		{"equal time", table.Equals("at", now), true},
		{"equal bool", table.Equals("done", true), true},
		{"other bool", table.Equals("done", false), false},
		{"equal to what is absent", table.Equals("team", "x"), false},
		{"equal, but of another type", table.Equals("size", text("10")), false},
		{"below", table.Below("size", 11), true},
		{"not below itself", table.Below("size", 10), false},
		{"below by value, not by digits", table.Below("size", 9), false},
		{"text below", table.Below("name", "n"), true},
		{"time below", table.Below("at", now.Add(time.Millisecond)), true},
		{"absent is below nothing", table.Below("rank", 100), false},
		{"below, but of another type", table.Below("size", text("z")), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := jobs.Update(t.Context(), "a", set("size", 10), c.condition)
			if c.holds {
				require.NoError(t, err)
			} else {
				found = conflict(t, err, table.ErrConflict)
			}
			require.Equal(t, j, found)
		})
	}
	_, err := jobs.Update(t.Context(), "a", set("size", 11), table.VersionIs(5), table.Equals("name", "x"))
	require.Equal(t, j, conflict(t, err, table.ErrConflict), "all have to hold")
	_, err = jobs.Update(t.Context(), "nobody", set("size", 11), table.Absent("name"))
	require.ErrorIs(t, err, table.ErrNotFound)
}

func testDelete(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	j := create(t, jobs, job{ID: "a", Version: 5, Name: "m"})
	_, err := jobs.Delete(t.Context(), "a", table.VersionIs(4))
	require.Equal(t, j, conflict(t, err, table.ErrConflict))
	was, err := jobs.Delete(t.Context(), "a", table.VersionIs(5))
	require.NoError(t, err)
	require.Equal(t, j, was)
	_, err = jobs.Delete(t.Context(), "a")
	require.ErrorIs(t, err, table.ErrNotFound)
	_, err = jobs.Get(t.Context(), "a", table.Consistent())
	require.ErrorIs(t, err, table.ErrNotFound)
	create(t, jobs, job{ID: "a", Version: 1})
}

func testScan(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	want := make(map[string]bool)
	for i := range 1203 {
		j := job{ID: fmt.Sprint(i), Version: 1}
		if i%100 == 0 {
			j.Ends = past
		} else {
			want[j.ID] = true
		}
		create(t, jobs, j)
	}
	engine := h.Engine(t, func(table.Call) {})
	_, err := engine.Update(t.Context(), jobs.Schema(), table.Update{Key: text("7"), Set: table.Item{"version": text("x")}, Now: now})
	require.NoError(t, err)
	delete(want, "7")
	unreadable := 0
	for j, err := range jobs.Scan(t.Context()) {
		if errors.Is(err, table.ErrCorrupt) {
			unreadable++
			continue
		}
		require.NoError(t, err)
		require.True(t, want[j.ID], j.ID)
		delete(want, j.ID)
	}
	require.Empty(t, want)
	require.Equal(t, 1, unreadable)
	for range jobs.Scan(t.Context()) {
		break // a reader may stop
	}
}

func testKeys(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	for name, key := range map[string]string{
		"quotes": `it's "quoted" \ here`, "SQL": `'; DROP TABLE jobs; --`, "JSON": `{"S":"a"}`, "unicode": "日本語 é e\u0301 🍕",
		"control characters": "a\x00b\nc\x7f", "a space": " ", "case": "Job", "other case": "job", "percent": "100%_*?",
		"2,048 bytes": strings.Repeat("é", 1024),
	} {
		t.Run(name, func(t *testing.T) {
			j := create(t, jobs, job{ID: key, Version: 1, Name: name})
			require.Equal(t, j, get(t, jobs, key))
			after, err := jobs.Update(t.Context(), key, set("version", 2))
			require.NoError(t, err)
			require.Equal(t, key, after.ID)
			found, err := jobs.GetMany(t.Context(), []any{key})
			require.NoError(t, err)
			require.Equal(t, after, found[0].Record)
			_, err = jobs.Delete(t.Context(), key)
			require.NoError(t, err)
		})
	}
	t.Run("2,049 bytes are too many", func(t *testing.T) {
		long := strings.Repeat("x", 2049)
		require.ErrorIs(t, jobs.Create(t.Context(), job{ID: long, State: "new"}), table.ErrTooLarge)
		_, err := jobs.Get(t.Context(), long)
		require.ErrorIs(t, err, table.ErrTooLarge)
	})
	t.Run("an empty one is none", func(t *testing.T) {
		require.ErrorIs(t, jobs.Create(t.Context(), job{State: "new"}), table.ErrInvalid)
		_, err := jobs.Get(t.Context(), "")
		require.ErrorIs(t, err, table.ErrInvalid)
		_, err = jobs.Get(t.Context(), 7)
		require.ErrorIs(t, err, table.ErrInvalid)
	})
	t.Run("integers", func(t *testing.T) {
		type counted struct {
			N    int64  `dynamodbav:"n" table:"key"`
			Name string `dynamodbav:"name"`
		}
		people := open[counted](t, h, h.Table(t))
		for _, n := range []int64{0, 1, -1, 10, 1 << 53, -1 << 63, 1<<63 - 1} {
			require.NoError(t, people.Create(t.Context(), counted{n, fmt.Sprint(n)}))
		}
		for _, n := range []int64{0, 1, -1, 10, 1 << 53, -1 << 63, 1<<63 - 1} {
			found, err := people.Get(t.Context(), n, table.Consistent())
			require.NoError(t, err)
			require.Equal(t, counted{n, fmt.Sprint(n)}, found)
		}
		found, err := people.GetMany(t.Context(), []any{1, int8(-1), 1, 99})
		require.NoError(t, err)
		require.Equal(t, "1", found[0].Record.Name)
		require.Equal(t, "-1", found[1].Record.Name)
		require.Equal(t, found[0], found[2])
		require.ErrorIs(t, found[3].Err, table.ErrNotFound)
	})
}

func testValues(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	engine := h.Engine(t, func(table.Call) {})
	item := table.Item{
		"id": text("all"), "state": text("new"), "version": number("1"),
		"digits38": number("12345678901234567890123456789012345678"), "tiny": number("-1.5E-100"), "huge": number("9.9E+125"),
		"float": number("0.1"), "trailing": number("1.500"), "zero": number("-0"),
		"empty": text(""), "list": &types.AttributeValueMemberL{Value: []types.AttributeValue{}}, "map": &types.AttributeValueMemberM{Value: table.Item{}},
		"binary": &types.AttributeValueMemberB{Value: []byte{0, 1, 255}}, "yes": &types.AttributeValueMemberBOOL{Value: true},
		"null":  &types.AttributeValueMemberNULL{Value: true},
		"texts": &types.AttributeValueMemberSS{Value: []string{"x"}}, "numbers": &types.AttributeValueMemberNS{Value: []string{"1.0"}},
		"binaries": &types.AttributeValueMemberBS{Value: [][]byte{{1}}},
		"nested": &types.AttributeValueMemberL{Value: []types.AttributeValue{
			&types.AttributeValueMemberM{Value: table.Item{"": text("no name"), "é": number("1e3")}}, &types.AttributeValueMemberNULL{Value: true},
		}},
		"escapes": text("\"\\\n\t\u2028<>&\x01"),
	}
	delete(item["nested"].(*types.AttributeValueMemberL).Value[0].(*types.AttributeValueMemberM).Value, "")
	require.NoError(t, engine.Put(t.Context(), jobs.Schema(), table.Put{Item: item, Now: now}))
	want := table.Item{}
	for name, av := range item {
		want[name] = av
	}
	want["tiny"], want["huge"] = number("-0."+strings.Repeat("0", 99)+"15"), number("99"+strings.Repeat("0", 124))
	want["trailing"], want["zero"] = number("1.5"), number("0")
	want["numbers"] = &types.AttributeValueMemberNS{Value: []string{"1"}}
	want["nested"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{
		&types.AttributeValueMemberM{Value: table.Item{"é": number("1000")}}, &types.AttributeValueMemberNULL{Value: true},
	}}
	found, err := engine.Get(t.Context(), jobs.Schema(), text("all"), true)
	require.NoError(t, err)
	for name := range want {
		require.Equal(t, want[name], found[name], name)
	}
	require.Len(t, found, len(want))

	for name, av := range map[string]types.AttributeValue{
		"39 digits": number("1" + strings.Repeat("2", 38)), "over the range": number("1E+126"), "no number": number("x"),
		"an empty set":            &types.AttributeValueMemberSS{Value: []string{}},
		"the same twice in a set": &types.AttributeValueMemberSS{Value: []string{"x", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := engine.Put(t.Context(), jobs.Schema(), table.Put{Now: now, Item: table.Item{"id": text(name), "x": av}})
			require.ErrorIs(t, err, table.ErrInvalid)
			_, err = engine.Update(t.Context(), jobs.Schema(), table.Update{Key: text("all"), Set: table.Item{"x": av}, Now: now})
			require.ErrorIs(t, err, table.ErrInvalid)
		})
	}
}

func testSize(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	// DynamoDB counts names and values; both ends leave it some room.
	fits, tooMuch := strings.Repeat("x", 400<<10-200), strings.Repeat("x", 400<<10)
	j := create(t, jobs, job{ID: "large", Version: 1, Fill: fits})
	require.Equal(t, j, get(t, jobs, "large"))
	require.ErrorIs(t, jobs.Create(t.Context(), job{ID: "larger", State: "new", Fill: tooMuch}), table.ErrTooLarge)
	_, err := jobs.Update(t.Context(), "large", set("name", strings.Repeat("y", 200)))
	require.ErrorIs(t, err, table.ErrTooLarge)
	require.Equal(t, j, get(t, jobs, "large"))
}

func testTimeToLive(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	dead := func(t *testing.T, id string, ends int64) {
		t.Helper()
		create(t, jobs, job{ID: id, State: "busy", At: now, Team: "dead", Rank: 1, Version: 9, Ends: ends})
	}
	for name, ends := range map[string]int64{"past its time": past, "at its time": now.Unix()} {
		t.Run(name, func(t *testing.T) {
			id := name
			dead(t, id, ends)
			_, err := jobs.Get(t.Context(), id, table.Consistent())
			require.ErrorIs(t, err, table.ErrNotFound)
			found, err := jobs.GetMany(t.Context(), []any{id}, table.Consistent())
			require.NoError(t, err)
			require.ErrorIs(t, found[0].Err, table.ErrNotFound)
			for _, condition := range [][]table.Condition{nil, {table.VersionIs(9)}, {table.Absent("name")}, {table.Equals("state", "busy")}, {table.Below("version", 10)}} {
				_, err = jobs.Update(t.Context(), id, set("version", 10), condition...)
				require.ErrorIs(t, err, table.ErrNotFound)
				_, err = jobs.Delete(t.Context(), id, condition...)
				require.ErrorIs(t, err, table.ErrNotFound)
			}
			anew := create(t, jobs, job{ID: id, Version: 1})
			require.Equal(t, anew, get(t, jobs, id), "nothing is left of the dead one")
		})
	}
	t.Run("before its time", func(t *testing.T) {
		j := create(t, jobs, job{ID: "live", Version: 1, Ends: now.Unix() + 1})
		require.Equal(t, j, get(t, jobs, "live"))
		require.ErrorIs(t, jobs.Create(t.Context(), j), table.ErrExists)
		_, err := jobs.Update(t.Context(), "live", set("version", 2))
		require.NoError(t, err)
	})
	t.Run("one that is no number is none", func(t *testing.T) {
		engine := h.Engine(t, func(table.Call) {})
		item := table.Item{"id": text("text"), "ends": text("1")}
		require.NoError(t, engine.Put(t.Context(), jobs.Schema(), table.Put{Item: item, Now: now}))
		var failed *table.ConditionError
		require.ErrorAs(t, engine.Put(t.Context(), jobs.Schema(), table.Put{Item: item, Now: now}), &failed)
		_, err := engine.Update(t.Context(), jobs.Schema(), table.Update{Key: text("text"), Set: table.Item{"x": text("y")}, Now: now})
		require.NoError(t, err)
	})
}

func testCounting(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	create(t, jobs, job{ID: "counter", Version: 1})
	const writers = 64
	var group sync.WaitGroup
	failures := make(chan error, writers)
	for range writers {
		group.Go(func() {
			for version := int64(1); ; {
				_, err := jobs.Update(t.Context(), "counter", set("version", version+1), table.VersionIs(version))
				var failed *table.ConflictError[job]
				if !errors.As(err, &failed) {
					failures <- err
					return
				}
				version = failed.Found.Version
			}
		})
	}
	group.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	require.EqualValues(t, writers+1, get(t, jobs, "counter").Version)
}
