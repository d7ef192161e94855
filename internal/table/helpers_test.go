package table

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
)

// recorder is an engine that keeps what it is asked for and answers what it is
// told to. What a test does not expect to be called panics.
type recorder struct {
	Engine
	puts    []Put
	updates []Update
	deletes []Delete
	queries []Query
	batches [][]types.AttributeValue

	item  Item   // found by Get, Update and Delete
	items []Item // found by BatchGet, Query and Scan
	next  Item   // where a page ends
	err   error
}

func (r *recorder) Put(_ context.Context, _ *Schema, w Put) error {
	r.puts = append(r.puts, w)
	return r.err
}

func (r *recorder) Get(context.Context, *Schema, types.AttributeValue, bool) (Item, error) {
	return r.item, r.err
}

func (r *recorder) BatchGet(_ context.Context, _ *Schema, keys []types.AttributeValue, _ bool) ([]Item, error) {
	r.batches = append(r.batches, keys)
	return r.items, r.err
}

func (r *recorder) Update(_ context.Context, _ *Schema, u Update) (Item, error) {
	r.updates = append(r.updates, u)
	return r.item, r.err
}

func (r *recorder) Delete(_ context.Context, _ *Schema, d Delete) (Item, error) {
	r.deletes = append(r.deletes, d)
	return r.item, r.err
}

func (r *recorder) Query(_ context.Context, _ *Schema, q Query) (Page, error) {
	r.queries = append(r.queries, q)
	return Page{r.items, r.next}, r.err
}

func (r *recorder) Scan(context.Context, *Schema, Item) (Page, error) {
	return Page{Items: r.items}, r.err
}

// sent counts the requests that change something.
func (r *recorder) sent() int { return len(r.puts) + len(r.updates) + len(r.deletes) }

type color string

func (color) Values() []string { return []string{"RED", "GREEN"} }

// thing has one attribute of each kind that the tests turn to.
type thing struct {
	ID     string            `dynamodbav:"id" table:"key"`
	Color  color             `dynamodbav:"color" table:"index=by_color"`
	At     time.Time         `dynamodbav:"at" table:"range=by_color"`
	Count  int8              `dynamodbav:"count"`
	Shade  *color            `dynamodbav:"shade,omitempty"`
	Note   string            `dynamodbav:"note,omitempty"`
	Tags   []string          `dynamodbav:"tags"`
	Words  []string          `dynamodbav:"words,stringset"`
	Labels map[string]string `dynamodbav:"labels,omitempty"`
	V      int64             `dynamodbav:"v" table:"version"`
	Ends   int64             `dynamodbav:"ends,omitempty" table:"ttl"`
}

var noon = time.Date(2024, 5, 6, 12, 0, 0, 0, time.UTC)

func newThings(t *testing.T, r *recorder) *Table[thing] {
	t.Helper()
	things, err := New[thing](r, "things", WithClock(func() time.Time { return noon }))
	require.NoError(t, err)
	return things
}

func aThing() thing { return thing{ID: "a", Color: "RED", At: noon} }

// stored is the item of aThing, changed by name and value; nil takes one away.
func stored(changes ...any) Item {
	item := Item{
		"id": text("a"), "color": text("RED"), "at": text("2024-05-06T12:00:00.000Z"), "count": number("0"),
		"tags": &types.AttributeValueMemberNULL{Value: true}, "words": &types.AttributeValueMemberNULL{Value: true},
		"v": number("0"),
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == nil {
			delete(item, changes[i].(string))
		} else {
			item[changes[i].(string)] = changes[i+1].(types.AttributeValue)
		}
	}
	return item
}

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }

func null() types.AttributeValue { return &types.AttributeValueMemberNULL{Value: true} }

// requireProblems tests that err is an ErrInvalid which names just these
// attributes.
func requireProblems(t *testing.T, err error, attributes ...string) {
	t.Helper()
	require.ErrorIs(t, err, ErrInvalid)
	var invalid *InvalidError
	require.ErrorAs(t, err, &invalid)
	var named []string
	for _, p := range invalid.Problems {
		named = append(named, p.Attribute)
		require.NotEmpty(t, p.Reason)
	}
	require.Equal(t, attributes, named, err.Error())
}
