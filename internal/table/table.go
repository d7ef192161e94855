package table

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Table manages one table whose records are T. Its zero value is not usable;
// see [New]. All its methods are safe for concurrent use, and besides the
// errors that each names may return ErrUnavailable.
type Table[T any] struct {
	engine Engine
	schema *Schema
	fields []field
	clock  func() time.Time

	mu    sync.RWMutex
	added []Index // by CreateIndex
}

// Option is a choice for [New].
type Option func(*options)

type options struct{ clock func() time.Time }

// WithClock sets the clock that tells which records are past their time to
// live; time.Now by default.
func WithClock(now func() time.Time) Option { return func(o *options) { o.clock = now } }

// New declares a table: its name, and by T's tags its schema.
//
// Attributes are named as the SDK names them: `dynamodbav:"name"`, with
// omitempty for those that a record may lack, and fields of embedded structs
// as if they were T's own. A nil slice or map that is not omitted is stored as
// a NULL; a nil pointer is missing. A type with a method Values() []string is
// categorical: it holds one of these words. Times are stored in UTC with three
// decimals. The tag `table` says the rest, separated by commas:
//
//	key                       the partition key, a string or an integer
//	index=NAME[:PROJECTION]   the hash attribute of an index; the projection is
//	                          all (the default), keys_only or include(a b)
//	range=NAME                the range attribute of that index
//	version                   the attribute that VersionIs compares
//	ttl                       the time to live, in epoch seconds: a record past
//	                          it counts as absent
//
// A bad declaration is an error that names the field. Nothing is sent.
func New[T any](engine Engine, name string, opts ...Option) (*Table[T], error) {
	o := options{clock: time.Now}
	for _, opt := range opts {
		opt(&o)
	}
	schema, fields, err := readSchema(name, reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	return &Table[T]{engine: engine, schema: schema, fields: fields, clock: o.clock}, nil
}

// Schema tells the declaration: attributes, enums, key and indexes. The caller
// must not change it.
func (t *Table[T]) Schema() *Schema { return t.schema }

// CreateTable makes the table be there, with its declared indexes and its time
// to live, and waits until all of it is usable. What is there already is left
// as it is, so that it may run twice, or in several replicas at once. A table
// of that name with another key, time to live or index is a *SchemaError.
func (t *Table[T]) CreateTable(ctx context.Context, capacity Capacity) error {
	return t.engine.CreateTable(ctx, t.schema, capacity)
}

// CreateIndex adds an index to a table that may hold records, and waits until
// it is complete; one that is there already is no error. An attribute that T
// lacks is an ErrInvalid, another index of that name a *SchemaError.
func (t *Table[T]) CreateIndex(ctx context.Context, index Index) error {
	index, err := t.schema.checkIndex(index)
	if err != nil {
		return fmt.Errorf("table %s: %w: %w", t.schema.Table, ErrInvalid, err)
	}
	if err := t.engine.CreateIndex(ctx, t.schema, index); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.index(index.Name); !known {
		t.added = append(t.added, index)
	}
	return nil
}

// index finds one by name. It needs mu.
func (t *Table[T]) index(name string) (Index, bool) {
	for _, i := range slices.Concat(t.schema.Indexes, t.added) {
		if i.Name == name {
			return i, true
		}
	}
	return Index{}, false
}

// Describe tells what the store has under the table's name. ErrNotFound if it
// has nothing.
func (t *Table[T]) Describe(ctx context.Context) (Description, error) {
	return t.engine.Describe(ctx, t.schema)
}

// Ping asks the store for a sign of life.
func (t *Table[T]) Ping(ctx context.Context) error { return t.engine.Ping(ctx, t.schema) }

// Create stores a new record and never overwrites: a *ConflictError of kind
// ErrExists carries the record that is there. ErrInvalid names every attribute
// that is missing or ill-typed, ErrTooLarge is a record over 400 KB,
// ErrCorrupt one that is there and that T can't hold.
func (t *Table[T]) Create(ctx context.Context, record T) error {
	item, problems := t.encodeRecord(&record)
	if problems != nil {
		return t.invalid(problems)
	}
	return t.put(ctx, item)
}

// CreateFrom is Create from attribute names and values, such as a decoded JSON
// object. Names that T does not have are an ErrInvalid too. It returns the
// record.
func (t *Table[T]) CreateFrom(ctx context.Context, attributes map[string]any) (T, error) {
	var record T
	var problems []Problem
	value := reflect.ValueOf(&record).Elem()
	for name, given := range attributes {
		f, ok := t.field(name)
		if !ok {
			problems = append(problems, Problem{name, "no such attribute"})
			continue
		}
		converted, err := f.convert(given)
		if err != nil {
			problems = append(problems, Problem{name, err.Error()})
			continue
		}
		value.FieldByIndex(f.index).Set(converted)
	}
	for i := range t.fields {
		if _, given := attributes[t.fields[i].Name]; !given && t.fields[i].Required {
			problems = append(problems, Problem{t.fields[i].Name, errMissing.Error()})
		}
	}
	if problems != nil {
		return *new(T), t.invalid(problems)
	}
	item, problems := t.encodeRecord(&record)
	if problems != nil {
		return *new(T), t.invalid(problems)
	}
	return record, t.put(ctx, item)
}

func (t *Table[T]) put(ctx context.Context, item Item) error {
	now := t.clock()
	err := t.engine.Put(ctx, t.schema, Put{Item: item, Now: now})
	return t.conflict(err, ErrExists, now)
}

// ReadOption is a choice for Get and GetMany.
type ReadOption func(*bool)

// Consistent makes a read see every write that was acknowledged before it.
func Consistent() ReadOption { return func(consistent *bool) { *consistent = true } }

func consistent(opts []ReadOption) (consistent bool) {
	for _, opt := range opts {
		opt(&consistent)
	}
	return consistent
}

// Get reads one record. ErrNotFound if there is none or it is past its time to
// live; ErrCorrupt if T can't hold it; ErrInvalid if the key is no key.
func (t *Table[T]) Get(ctx context.Context, key any, opts ...ReadOption) (T, error) {
	k, err := t.encodeKey(key)
	if err != nil {
		return *new(T), err
	}
	item, err := t.engine.Get(ctx, t.schema, k, consistent(opts))
	if err != nil {
		return *new(T), err
	}
	return t.alive(item, t.clock())
}

// alive decodes a found item, if it counts as existing.
func (t *Table[T]) alive(item Item, now time.Time) (T, error) {
	if !t.schema.Alive(item, now) {
		return *new(T), ErrNotFound
	}
	return t.decodeRecord(item, everyAttribute)
}

// Result is one record of GetMany, or why there is none.
type Result[T any] struct {
	Record T
	Err    error // as of Get
}

// GetMany reads many records at once and returns one result for each key, in
// the order of the keys. One that is absent or unreadable does not hide the
// others.
func (t *Table[T]) GetMany(ctx context.Context, keys []any, opts ...ReadOption) ([]Result[T], error) {
	encoded := make([]types.AttributeValue, len(keys))
	places := make(map[string][]int, len(keys))
	var distinct []types.AttributeValue
	for i, key := range keys {
		k, err := t.encodeKey(key)
		if err != nil {
			return nil, err
		}
		encoded[i] = k
		text := keyText(k)
		if len(places[text]) == 0 {
			distinct = append(distinct, k)
		}
		places[text] = append(places[text], i)
	}
	results := make([]Result[T], len(keys))
	for i := range results {
		results[i].Err = ErrNotFound
	}
	if len(keys) == 0 {
		return results, nil
	}
	items, err := t.engine.BatchGet(ctx, t.schema, distinct, consistent(opts))
	if err != nil {
		return nil, err
	}
	now := t.clock()
	for _, item := range items {
		record, err := t.alive(item, now)
		for _, i := range places[keyText(item[t.schema.Key.Name])] {
			results[i] = Result[T]{record, err}
		}
	}
	return results, nil
}

// Changes is what an Update does to a record.
type Changes struct {
	Set    map[string]any
	Remove []string
}

// Empty tells whether there is nothing to do.
func (c Changes) Empty() bool { return len(c.Set) == 0 && len(c.Remove) == 0 }

// Diff returns the changes that make the record before into after. Attributes
// that are the same are not among them.
func (t *Table[T]) Diff(before, after T) Changes {
	changes := Changes{Set: make(map[string]any)}
	from, to := reflect.ValueOf(&before).Elem(), reflect.ValueOf(&after).Elem()
	for i := range t.fields {
		f := &t.fields[i]
		was, is := from.FieldByIndex(f.index), to.FieldByIndex(f.index)
		switch {
		case f.Name == t.schema.Key.Name || f.same(was, is):
		case !f.Required && is.IsZero():
			changes.Remove = append(changes.Remove, f.Name)
		default:
			changes.Set[f.Name] = is.Interface()
		}
	}
	return changes
}

// Update changes an existing record in one round trip and returns it as it is
// afterwards. Attributes that are not named, and those that T does not know,
// stay. Sets of a value that is omitted when empty remove it.
//
// ErrInvalid, before anything is sent, if there is no change, if one is of the
// partition key or of an attribute that T lacks, or is ill-typed, or removes
// what every record has. ErrNotFound if the record is absent or past its time
// to live. A *ConflictError of kind ErrConflict, with the record that was
// found, if a condition does not hold. ErrTooLarge.
func (t *Table[T]) Update(ctx context.Context, key any, changes Changes, conditions ...Condition) (T, error) {
	item, err := t.update(ctx, key, changes, conditions)
	if err != nil {
		return *new(T), err
	}
	return t.decodeRecord(item, everyAttribute)
}

// Replace makes the record before into the record after: an Update of what
// differs, with its errors. The conditions have to tell that the record still
// is the one before; then it is the one after, and need not be decoded again.
func (t *Table[T]) Replace(ctx context.Context, key any, before, after T, conditions ...Condition) error {
	_, err := t.update(ctx, key, t.Diff(before, after), conditions)
	return err
}

func (t *Table[T]) update(ctx context.Context, key any, changes Changes, conditions []Condition) (Item, error) {
	k, err := t.encodeKey(key)
	if err != nil {
		return nil, err
	}
	u := Update{Key: k, Set: make(Item, len(changes.Set)), Remove: slices.Clone(changes.Remove), Now: t.clock()}
	var problems []Problem
	if changes.Empty() {
		problems = append(problems, Problem{t.schema.Key.Name, "an update without a change"})
	}
	for name, given := range changes.Set {
		av, err := t.encodeChange(name, given)
		switch {
		case err != nil:
			problems = append(problems, Problem{name, err.Error()})
		case av == nil:
			u.Remove = append(u.Remove, name)
		default:
			u.Set[name] = av
		}
	}
	for _, name := range changes.Remove {
		if err := t.checkRemoval(name, changes.Set); err != nil {
			problems = append(problems, Problem{name, err.Error()})
		}
	}
	if problems != nil {
		return nil, t.invalid(problems)
	}
	if u.If, err = t.checks(conditions); err != nil {
		return nil, err
	}
	item, err := t.engine.Update(ctx, t.schema, u)
	if err != nil {
		return nil, t.conflict(err, ErrConflict, u.Now)
	}
	return item, nil
}

var errKeyChange = errors.New("the partition key can't be changed")

func (t *Table[T]) encodeChange(name string, given any) (types.AttributeValue, error) {
	f, ok := t.field(name)
	switch {
	case !ok:
		return nil, errors.New("no such attribute")
	case name == t.schema.Key.Name:
		return nil, errKeyChange
	}
	value, err := f.convert(given)
	if err != nil {
		return nil, err
	}
	av, err := t.encodeField(f, value)
	if av == nil && err == nil && f.Required {
		return nil, errMissing
	}
	return av, err
}

func (t *Table[T]) checkRemoval(name string, set map[string]any) error {
	f, ok := t.field(name)
	switch _, both := set[name]; {
	case both:
		return errors.New("both set and removed")
	case !ok:
		return nil // one that T does not know may be tidied away
	case name == t.schema.Key.Name:
		return errKeyChange
	case f.Required:
		return errors.New("every record has it; it can't be removed")
	}
	return nil
}

// Delete removes a record and returns it as it was. ErrNotFound if it is
// absent or past its time to live; a *ConflictError of kind ErrConflict if a
// condition does not hold; ErrCorrupt if it was removed but T can't hold it.
func (t *Table[T]) Delete(ctx context.Context, key any, conditions ...Condition) (T, error) {
	k, err := t.encodeKey(key)
	if err != nil {
		return *new(T), err
	}
	checks, err := t.checks(conditions)
	if err != nil {
		return *new(T), err
	}
	now := t.clock()
	item, err := t.engine.Delete(ctx, t.schema, Delete{Key: k, If: checks, Now: now})
	if err != nil {
		return *new(T), t.conflict(err, ErrConflict, now)
	}
	return t.decodeRecord(item, everyAttribute)
}

// Scan reads every record of the table, in no order, a page at a time. An
// unreadable record is yielded as its error, and the scan goes on; after any
// other error it ends.
func (t *Table[T]) Scan(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var start Item
		for {
			page, err := t.engine.Scan(ctx, t.schema, start)
			if err != nil {
				yield(*new(T), err)
				return
			}
			now := t.clock()
			for _, item := range page.Items {
				record, err := t.alive(item, now)
				if errors.Is(err, ErrNotFound) {
					continue
				}
				if !yield(record, err) {
					return
				}
			}
			if page.Next == nil {
				return
			}
			start = page.Next
		}
	}
}

func (t *Table[T]) field(name string) (*field, bool) {
	at := slices.IndexFunc(t.fields, func(f field) bool { return f.Name == name })
	if at < 0 {
		return nil, false
	}
	return &t.fields[at], true
}

// encodeKey returns the stored form of a partition key.
func (t *Table[T]) encodeKey(key any) (types.AttributeValue, error) {
	f, _ := t.field(t.schema.Key.Name)
	value, err := f.convert(key)
	if err != nil {
		return nil, t.invalid([]Problem{{f.Name, err.Error()}})
	}
	av, err := t.encodeField(f, value)
	if err != nil {
		return nil, t.invalid([]Problem{{f.Name, err.Error()}})
	}
	return av, nil
}

// convert makes a given value into one of the field's Go type, by way of its
// stored form, and refuses what that form does not fit.
func (f *field) convert(given any) (reflect.Value, error) {
	if value := reflect.ValueOf(given); value.IsValid() && value.Type() == f.solo.Field(0).Type {
		return value, nil
	}
	av, err := encode(given)
	if err != nil {
		return reflect.Value{}, err
	}
	return f.decode(av)
}

// same tells whether two values of the field are stored alike.
func (f *field) same(a, b reflect.Value) bool {
	if f.isTime && !f.pointer {
		return a.Convert(timeType).Interface().(time.Time).Equal(b.Convert(timeType).Interface().(time.Time))
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

func (t *Table[T]) invalid(problems []Problem) error {
	slices.SortFunc(problems, func(a, b Problem) int {
		return slices.Compare([]string{a.Attribute, a.Reason}, []string{b.Attribute, b.Reason})
	})
	return &InvalidError{t.schema.Table, problems}
}

// conflict turns an engine's failed condition, as of that time, into what the
// caller is told.
func (t *Table[T]) conflict(err, kind error, now time.Time) error {
	var failed *ConditionError
	if !errors.As(err, &failed) {
		return err
	}
	found, err := t.alive(failed.Found, now)
	if err != nil {
		return err
	}
	return &ConflictError[T]{found, kind}
}
