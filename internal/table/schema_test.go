package table

import (
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
)

type (
	wordless   string
	rank       int
	byPointer  string
	base       struct{ Inner string }
	selfPacked struct{}
)

func (wordless) Values() []string   { return nil }
func (rank) Values() []string       { return []string{"1"} }
func (*byPointer) Values() []string { return []string{"x"} }
func (*selfPacked) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	return number("1"), nil
}

func TestABadDeclarationIsAnErrorThatNamesTheField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		declaration any
		says        []string
	}{
		"not a struct": {0, []string{"int", "struct"}},
		"no key": {struct {
			ID string
		}{}, []string{"key"}},
		"two keys": {struct {
			ID    string `table:"key"`
			Other string `table:"key"`
		}{}, []string{"field Other", "ID"}},
		"a float as key": {struct {
			ID float64 `table:"key"`
		}{}, []string{"field ID"}},
		"a number of any kind as key": {struct {
			ID attributevalue.Number `table:"key"`
		}{}, []string{"field ID"}},
		"binary as key": {struct {
			ID []byte `table:"key"`
		}{}, []string{"field ID"}},
		"a pointer as key": {struct {
			ID *string `table:"key"`
		}{}, []string{"field ID"}},
		"a time as key": {struct {
			ID time.Time `table:"key"`
		}{}, []string{"field ID"}},
		"a categorical key": {struct {
			ID color `table:"key"`
		}{}, []string{"field ID"}},
		"a key that may be omitted": {struct {
			ID string `dynamodbav:",omitempty" table:"key"`
		}{}, []string{"field ID"}},
		"an unknown word": {struct {
			ID string `table:"key,unique"`
		}{}, []string{"field ID", "unique"}},
		"an empty word": {struct {
			ID string `table:"key,"`
		}{}, []string{"field ID"}},
		"categorical, but an int": {struct {
			ID   string `table:"key"`
			Rank rank
		}{}, []string{"field Rank"}},
		"categorical without values": {struct {
			ID   string `table:"key"`
			Word wordless
		}{}, []string{"field Word"}},
		"categorical by pointer": {struct {
			ID   string `table:"key"`
			Word byPointer
		}{}, []string{"field Word"}},
		"a marshaler by pointer": {struct {
			ID     string `table:"key"`
			Packed selfPacked
		}{}, []string{"field Packed"}},
		"a version that is text": {struct {
			ID string `table:"key"`
			V  string `table:"version"`
		}{}, []string{"field V"}},
		"two versions": {struct {
			ID string `table:"key"`
			V  int    `table:"version"`
			W  int    `table:"version"`
		}{}, []string{"field W", "V"}},
		"a time to live that is a text": {struct {
			ID   string    `table:"key"`
			Ends time.Time `table:"ttl"`
		}{}, []string{"field Ends"}},
		"two times to live": {struct {
			ID   string `table:"key"`
			Ends int    `table:"ttl"`
			Late int    `table:"ttl"`
		}{}, []string{"field Late", "Ends"}},
		"an index without hash": {struct {
			ID string `table:"key"`
			At int    `table:"range=by_at"`
		}{}, []string{"field At", "by_at"}},
		"two hashes": {struct {
			ID string `table:"key,index=by_x"`
			X  string `table:"index=by_x"`
		}{}, []string{"field X", "by_x"}},
		"two ranges": {struct {
			ID string `table:"key,index=by_x"`
			X  string `table:"range=by_x"`
			Y  string `table:"range=by_x"`
		}{}, []string{"field Y", "by_x"}},
		"hash and range at once": {struct {
			ID string `table:"key"`
			X  string `table:"index=by_x,range=by_x"`
		}{}, []string{"field X", "by_x"}},
		"a hash that is no scalar": {struct {
			ID string `table:"key"`
			X  bool   `table:"index=by_x"`
		}{}, []string{"field X", "by_x"}},
		"a range that is no scalar": {struct {
			ID string   `table:"key,index=by_x"`
			X  []string `table:"range=by_x"`
		}{}, []string{"X", "by_x"}},
		"a range of any type": {struct {
			ID string `table:"key,index=by_x"`
			X  any    `table:"range=by_x"`
		}{}, []string{"X", "by_x"}},
		"a projection that is none": {struct {
			ID string `table:"key"`
			X  string `table:"index=by_x:some"`
		}{}, []string{"field X", "some"}},
		"an include of nothing": {struct {
			ID string `table:"key"`
			X  string `table:"index=by_x:include()"`
		}{}, []string{"field X", "by_x"}},
		"an include of what is not there": {struct {
			ID string `table:"key"`
			X  string `table:"index=by_x:include(Y)"`
		}{}, []string{"field X", "by_x", "Y"}},
		"an include of one attribute twice": {struct {
			ID string `table:"key"`
			X  string `table:"index=by_x:include(Y Y)"`
			Y  string
		}{}, []string{"field X", "by_x", "Y"}},
		"an index without a name": {struct {
			ID string `table:"key"`
			X  string `table:"index"`
		}{}, []string{"field X", "name"}},
		"an index with a bad name": {struct {
			ID string `table:"key"`
			X  string `table:"index=by x"`
		}{}, []string{"field X", "by x"}},
		"one name twice": {struct {
			ID string `table:"key"`
			A  string `dynamodbav:"x"`
			B  string `dynamodbav:"x"`
		}{}, []string{"field B", "x"}},
		"tagged, but not exported": {struct {
			ID string `table:"key"`
			x  string `dynamodbav:"x"`
		}{}, []string{"field x"}},
		"a word for the table, but not exported": {struct {
			ID string `table:"key"`
			v  int    `table:"version"`
		}{}, []string{"field v"}},
		"a word for the table, but not stored": {struct {
			ID string `table:"key"`
			V  int    `dynamodbav:"-" table:"version"`
		}{}, []string{"field V"}},
		"embedded by pointer": {struct {
			ID string `table:"key"`
			*base
		}{}, []string{"field base"}},
		"a function": {struct {
			ID string `table:"key"`
			F  func()
		}{}, []string{"field F"}},
		"a channel": {struct {
			ID string `table:"key"`
			C  chan int
		}{}, []string{"field C"}},
		"a complex number": {struct {
			ID string `table:"key"`
			C  complex128
		}{}, []string{"field C"}},
		"a map for a set": {struct {
			ID  string `table:"key"`
			Set map[string]struct{}
		}{}, []string{"field Set"}},
		"a long name": {reflect.New(reflect.StructOf([]reflect.StructField{
			{Name: "ID", Type: reflect.TypeFor[string](), Tag: reflect.StructTag(`table:"key"`)},
			{Name: "X", Type: reflect.TypeFor[int](), Tag: reflect.StructTag(`dynamodbav:"` + strings.Repeat("x", 256) + `"`)},
		})).Elem().Interface(), []string{"field X", "255"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := readSchema("things", reflect.TypeOf(c.declaration))
			require.ErrorContains(t, err, "things")
			for _, word := range c.says {
				require.ErrorContains(t, err, word)
			}
		})
	}
}

func TestATableNeedsAName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "ab", "a b c", "tablé", strings.Repeat("x", 256)} {
		_, err := New[thing](nil, name)
		require.ErrorContains(t, err, "name")
	}
	_, err := New[thing](nil, strings.Repeat("x", 255))
	require.NoError(t, err)
}

func TestADeclarationNamesItsStructOrFails(t *testing.T) {
	t.Parallel()
	_, err := New[*thing](nil, "things")
	require.Error(t, err)
	_, err = New[any](nil, "things")
	require.Error(t, err)
	_, err = New[map[string]any](nil, "things")
	require.Error(t, err)
}

type odd[T any] struct {
	ID string `table:"key"`
	X  T
}

type node struct{ Next *node }

// TestNoTypePanics declares a table with each of these, and where that is
// accepted stores zero values and reads them again.
func TestNoTypePanics(t *testing.T) {
	t.Parallel()
	tryOdd[attributevalue.Marshaler](t)
	tryOdd[attributevalue.UnixTime](t)
	tryOdd[*attributevalue.UnixTime](t)
	tryOdd[attributevalue.Number](t)
	tryOdd[json.Number](t)
	tryOdd[json.RawMessage](t)
	tryOdd[enumeration](t)
	tryOdd[error](t)
	tryOdd[io.Reader](t)
	tryOdd[any](t)
	tryOdd[*any](t)
	tryOdd[node](t)
	tryOdd[*node](t)
	tryOdd[[]node](t)
	tryOdd[**int](t)
	tryOdd[*[]*string](t)
	tryOdd[[0]int](t)
	tryOdd[[3]byte](t)
	tryOdd[[3]*byte](t)
	tryOdd[[][]byte](t)
	tryOdd[[]chan int](t)
	tryOdd[[]func()](t)
	tryOdd[map[string]any](t)
	tryOdd[map[int]string](t)
	tryOdd[map[[2]int]string](t)
	tryOdd[map[any]any](t)
	tryOdd[map[string]func()](t)
	tryOdd[struct{}](t)
	tryOdd[struct{ a chan int }](t)
	tryOdd[time.Time](t)
	tryOdd[*time.Time](t)
	tryOdd[**time.Time](t)
	tryOdd[time.Duration](t)
	tryOdd[time.Location](t)
	tryOdd[reflect.Value](t)
	tryOdd[reflect.Type](t)
	tryOdd[types.AttributeValue](t)
	tryOdd[types.AttributeValueMemberS](t)
	tryOdd[uintptr](t)
	tryOdd[unsafe.Pointer](t)
	tryOdd[complex64](t)
	tryOdd[float32](t)
	tryOdd[uint64](t)
	tryOdd[color](t)
	tryOdd[**color](t)
	tryOdd[[]color](t)
	tryOdd[base](t)
	tryOdd[strings.Builder](t)
}

func tryOdd[X any](t *testing.T) {
	t.Run(reflect.TypeFor[X]().String(), func(t *testing.T) {
		r := &recorder{}
		odds, err := New[odd[X]](r, "odds")
		if err != nil {
			require.ErrorContains(t, err, "field X")
			return
		}
		if err := odds.Create(t.Context(), odd[X]{ID: "a"}); err != nil {
			requireProblems(t, err, "X")
		} else {
			r.item = r.puts[0].Item
			_, err := odds.Get(t.Context(), "a")
			require.NoError(t, err, "what was stored can be read")
		}
		for _, given := range []any{nil, 1, "x", 1.5, []any{nil}, map[string]any{"a": 1}, func() {}, make(chan int), &node{}, *new(X)} {
			_, _ = odds.CreateFrom(t.Context(), map[string]any{"ID": "a", "X": given})
			_, _ = odds.Update(t.Context(), "a", Changes{Set: map[string]any{"X": given}}, Equals("X", given), Below("X", given))
		}
		for _, av := range []types.AttributeValue{
			nil, null(), text(""), text("x"), number("1"), number("x"), number("1e125"), &types.AttributeValueMemberBOOL{Value: true},
			&types.AttributeValueMemberB{Value: []byte{1, 2, 3, 4}}, &types.AttributeValueMemberL{Value: []types.AttributeValue{null(), text("x")}},
			&types.AttributeValueMemberM{Value: Item{"a": null(), "Next": number("1")}}, &types.AttributeValueMemberSS{Value: []string{"a"}},
			&types.AttributeValueMemberNS{Value: []string{"1"}}, &types.AttributeValueMemberBS{Value: [][]byte{{1}}},
		} {
			r.item = Item{"ID": text("a"), "X": av}
			_, _ = odds.Get(t.Context(), "a")
		}
	})
}

type stamped struct {
	At      time.Time `dynamodbav:"at" table:"range=by_word"`
	Version int       `dynamodbav:"version" table:"version"`
	Note    int       `dynamodbav:"note" table:"ttl"`
	Hidden  string    `dynamodbav:"-"`
}

type nested struct {
	stamped
	Word string `dynamodbav:"word" table:"index=by_word:include(at)"`
}

type entry struct {
	nested
	ID   string `dynamodbav:"id" table:"key"`
	Note string `dynamodbav:"note"` // shadows stamped.Note, its tag included
}

func TestFieldsOfEmbeddedStructsAreTheTablesOwn(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	entries, err := New[entry](r, "entries")
	require.NoError(t, err)
	s := entries.Schema()
	require.Equal(t, []Attribute{
		{Name: "at", Type: "S", Required: true}, {Name: "version", Type: "N", Required: true},
		{Name: "word", Type: "S", Required: true}, {Name: "id", Type: "S", Required: true}, {Name: "note", Type: "S", Required: true},
	}, s.Attributes)
	require.Equal(t, "version", s.Version)
	require.Empty(t, s.TTL)
	require.Equal(t, []Index{{Name: "by_word", Hash: "word", Range: "at", Projection: ProjectInclude, Include: []string{"at"}}}, s.Indexes)

	e := entry{nested{stamped{noon, 7, 0, ""}, "w"}, "a", "n"}
	require.NoError(t, entries.Create(t.Context(), e))
	r.item = r.puts[0].Item
	require.Equal(t, text("n"), r.item["note"])
	found, err := entries.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, e, found)
}

func TestASchemaTellsAttributesEnumsKeyAndIndexes(t *testing.T) {
	t.Parallel()
	s := newThings(t, &recorder{}).Schema()
	require.Equal(t, "things", s.Table)
	require.Equal(t, Attribute{Name: "id", Type: "S", Required: true}, s.Key)
	require.Equal(t, "v", s.Version)
	require.Equal(t, "ends", s.TTL)
	require.Equal(t, []Index{{Name: "by_color", Hash: "color", Range: "at", Projection: ProjectAll}}, s.Indexes)
	require.Equal(t, map[string][]string{"color": {"RED", "GREEN"}, "shade": {"RED", "GREEN"}}, s.Enums())
	for name, kind := range map[string]string{
		"id": "S", "color": "S", "at": "S", "count": "N", "tags": "L", "words": "SS", "labels": "M", "v": "N", "ends": "N",
	} {
		a, ok := s.Attribute(name)
		require.True(t, ok)
		require.Equal(t, kind, a.Type, name)
		require.Equal(t, name != "labels" && name != "ends", a.Required, name)
	}
	_, ok := s.Attribute("ID")
	require.False(t, ok, "names know their case")

	s.Enums()["color"][0] = "BLACK"
	require.Equal(t, "RED", s.Enums()["color"][0])
}

func TestEveryProjectionCanBeDeclared(t *testing.T) {
	t.Parallel()
	type all struct {
		ID string `table:"key"`
		A  string `table:"index=by_a"`
		B  int    `table:"index=by_b:all"`
		C  []byte `table:"index=by_c:keys_only,range=by_a"`
		D  string `table:"range=by_b, index=by_d:include(A  C)"`
	}
	things, err := New[all](nil, "things")
	require.NoError(t, err)
	s := things.Schema()
	require.Equal(t, []Index{
		{Name: "by_a", Hash: "A", Range: "C", Projection: ProjectAll}, {Name: "by_b", Hash: "B", Range: "D", Projection: ProjectAll},
		{Name: "by_c", Hash: "C", Projection: ProjectKeysOnly}, {Name: "by_d", Hash: "D", Projection: ProjectInclude, Include: []string{"A", "C"}},
	}, s.Indexes)
	for name, holds := range map[string]string{"by_a": "ID A B C D", "by_c": "ID C", "by_d": "ID A C D"} {
		i, _ := things.index(name)
		for _, a := range s.Attributes {
			require.Equal(t, slices.Contains(strings.Fields(holds), a.Name), i.Holds(s, a.Name), "%s of %s", a.Name, name)
		}
	}
	i, _ := things.index("by_d")
	require.Equal(t, "by_d (hash D, INCLUDE A C)", i.String())
	other := i
	other.Include = []string{"C", "A"}
	require.True(t, i.Equal(other))
	other.Include = []string{"C"}
	require.False(t, i.Equal(other))
}

func TestATableThatWasDescribedIsCheckedAgainstTheDeclaration(t *testing.T) {
	t.Parallel()
	s := &Schema{
		Table: "things", Key: Attribute{Name: "id", Type: "S"},
		Indexes: []Index{{Name: "by_color", Hash: "color", Projection: ProjectAll}, {Name: "by_size", Hash: "size", Projection: ProjectAll}},
	}
	whole := Description{Table: "things", Key: s.Key}
	for _, i := range s.Indexes {
		whole.Indexes = append(whole.Indexes, IndexDescription{Index: i, Status: "ACTIVE"})
	}
	whole.Indexes = append(whole.Indexes, IndexDescription{Index: Index{Name: "somebody's"}})
	require.NoError(t, s.Check(whole))

	part := whole
	part.Indexes = whole.Indexes[1:]
	require.ErrorIs(t, s.Check(part), ErrSchema)
	require.ErrorContains(t, s.Check(part), "no index by_color (hash color, ALL)")
	other := whole
	other.Indexes = append([]IndexDescription{{Index: Index{Name: "by_color", Hash: "shade", Projection: ProjectAll}}}, whole.Indexes[1:]...)
	require.ErrorContains(t, s.Check(other), "by_color (hash shade, ALL), not by_color (hash color, ALL)")
	for _, key := range []Attribute{{Name: "id", Type: "N"}, {Name: "name", Type: "S"}} {
		other := whole
		other.Key = key
		require.ErrorContains(t, s.Check(other), "not id (S)")
	}
}
