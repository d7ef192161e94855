package table

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Select is a query of one index.
type Select struct {
	Index  string
	Hash   any    // the value of the index's hash attribute
	From   any    // where its range starts, inclusive; nil for the end of it
	Oldest bool   // oldest (lowest) first; else newest (highest) first
	Limit  int    // records in a page, at least 1 and at most MaxInt32
	Cursor string // where an earlier page ended; "" for the start
}

// Selection is a page of a query.
type Selection[T any] struct {
	Records []Result[T] // Err is ErrCorrupt or nil
	Cursor  string      // where to go on; "" on the last page
}

// Query reads one partition of an index, in the order of its range. Records
// hold what the index projects, and nothing else. One that is past its time to
// live is left out where the index projects that attribute, so that a page may
// be shorter than its limit. An index lags writes by a moment on DynamoDB.
// ErrInvalid if there is no such index, or if hash, range or cursor is none.
func (t *Table[T]) Query(ctx context.Context, s Select) (Selection[T], error) {
	t.mu.RLock()
	index, ok := t.index(s.Index)
	t.mu.RUnlock()
	if !ok {
		return Selection[T]{}, fmt.Errorf("table %s: %w: there is no index %q", t.schema.Table, ErrInvalid, s.Index)
	}
	q, err := t.query(index, s)
	if err != nil {
		return Selection[T]{}, fmt.Errorf("table %s: %w: a query of %s: %w", t.schema.Table, ErrInvalid, index, err)
	}
	page, err := t.engine.Query(ctx, t.schema, q)
	if err != nil {
		return Selection[T]{}, err
	}
	var selection Selection[T]
	now := t.clock()
	for _, item := range page.Items {
		if !t.schema.Alive(item, now) {
			continue
		}
		record, err := t.decodeRecord(item, func(name string) bool { return index.Holds(t.schema, name) })
		selection.Records = append(selection.Records, Result[T]{record, err})
	}
	if page.Next != nil {
		selection.Cursor = encodeCursor(page.Next[t.schema.Key.Name], page.Next[index.Range])
	}
	return selection, nil
}

// query is a pure function of what the caller asked.
func (t *Table[T]) query(index Index, s Select) (Query, error) {
	q := Query{Index: index, Oldest: s.Oldest, Limit: s.Limit}
	if s.Limit < 1 || s.Limit > math.MaxInt32 {
		return q, errors.New("a limit below 1, or over 31 bits")
	}
	var err error
	if q.Hash, err = t.encodeChangeless(index.Hash, s.Hash); err != nil {
		return q, err
	}
	if s.From != nil {
		if index.Range == "" {
			return q, errors.New("a start, but the index has no range")
		}
		if q.From, err = t.encodeChangeless(index.Range, s.From); err != nil {
			return q, err
		}
	}
	if s.Cursor != "" {
		key, rng, err := decodeCursor(s.Cursor)
		if err != nil || TypeOf(key) != t.schema.Key.Type {
			return q, errors.New("not a cursor")
		}
		q.After = Item{index.Hash: q.Hash, t.schema.Key.Name: key}
		if index.Range != "" {
			if a, _ := t.schema.Attribute(index.Range); TypeOf(rng) != a.Type {
				return q, errors.New("not a cursor of this index")
			}
			q.After[index.Range] = rng
		}
	}
	return q, nil
}

// encodeChangeless encodes a value of an attribute to compare it with.
func (t *Table[T]) encodeChangeless(name string, given any) (types.AttributeValue, error) {
	f, _ := t.field(name)
	value, err := f.convert(given)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	av, err := t.encodeField(f, value)
	if err == nil && av == nil {
		err = errMissing
	}
	return av, err
}

// CursorAt returns the cursor that goes on after the record of that key and
// that value of the index's range (nil if it has none), whether or not that
// record is still there.
func (t *Table[T]) CursorAt(index string, key, rng any) (string, error) {
	t.mu.RLock()
	i, ok := t.index(index)
	t.mu.RUnlock()
	if !ok {
		return "", fmt.Errorf("table %s: %w: there is no index %q", t.schema.Table, ErrInvalid, index)
	}
	k, err := t.encodeKey(key)
	if err != nil || i.Range == "" {
		return encodeCursor(k, nil), err
	}
	r, err := t.encodeChangeless(i.Range, rng)
	if err != nil {
		return "", fmt.Errorf("table %s: %w: %w", t.schema.Table, ErrInvalid, err)
	}
	return encodeCursor(k, r), nil
}

// cursor is the JSON within the base64 of an opaque cursor: the type and text
// of the last record's key and range.
type cursor struct {
	KeyType   string `json:"k"`
	Key       string `json:"v"`
	RangeType string `json:"r,omitempty"`
	Range     string `json:"w,omitempty"`
}

func encodeCursor(key, rng types.AttributeValue) string {
	var c cursor
	c.KeyType, c.Key = scalarText(key)
	c.RangeType, c.Range = scalarText(rng)
	text, _ := json.Marshal(c) // four strings never fail
	return base64.RawURLEncoding.EncodeToString(text)
}

func decodeCursor(text string) (key, rng types.AttributeValue, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, nil, err
	}
	var c cursor
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, nil, err
	}
	return scalarOf(c.KeyType, c.Key), scalarOf(c.RangeType, c.Range), nil
}

func scalarText(av types.AttributeValue) (kind, text string) {
	switch av := av.(type) {
	case *types.AttributeValueMemberS:
		return "S", av.Value
	case *types.AttributeValueMemberN:
		return "N", av.Value
	case *types.AttributeValueMemberB:
		return "B", base64.StdEncoding.EncodeToString(av.Value)
	}
	return "", ""
}

// scalarOf is the value that can stand in a key, nil if none can.
func scalarOf(kind, text string) types.AttributeValue {
	if text == "" {
		return nil
	}
	switch kind {
	case "S":
		return &types.AttributeValueMemberS{Value: text}
	case "N":
		if number, err := NormalizeNumber(text); err == nil {
			return &types.AttributeValueMemberN{Value: number}
		}
	case "B":
		if b, err := base64.StdEncoding.DecodeString(text); err == nil {
			return &types.AttributeValueMemberB{Value: b}
		}
	}
	return nil
}
