package table

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item is a stored record as engines see it: attribute names and values.
type Item = map[string]types.AttributeValue

// Engine stores items. DynamoDB is the reference for what each method does;
// an engine that differs from it is wrong.
//
// Engines answer with the errors of this package: [*UnavailableError] when the
// store can't be reached or throttles, [*ConditionError] when a write's
// conditions did not hold, ErrTooLarge, ErrInvalid and [*SchemaError] as each
// method states. An item that was given or returned may be shared, and is not
// changed by either side. Every method is safe for concurrent use.
type Engine interface {
	// CreateTable makes the table, its declared indexes and its time to live
	// be there and usable: what is missing is made, what is there is left
	// alone. A table or index of that name with another shape is a
	// *SchemaError. Several processes may do this at once.
	CreateTable(ctx context.Context, s *Schema, capacity Capacity) error

	// CreateIndex adds one index to a table that may hold records, and waits
	// until it is complete. An equal index already there is no error, another
	// one of that name is a *SchemaError; so is a table that is not there.
	CreateIndex(ctx context.Context, s *Schema, index Index) error

	// Describe tells what is there. ErrNotFound if there is no such table.
	Describe(ctx context.Context, s *Schema) (Description, error)

	// Put stores a new item. An item of the same key that is alive (see
	// [Schema.Alive]) at w.Now fails it with a *ConditionError carrying that
	// item; a dead one is replaced.
	Put(ctx context.Context, s *Schema, w Put) error

	// Get returns the item of that key, dead or alive, or nil.
	Get(ctx context.Context, s *Schema, key types.AttributeValue, consistent bool) (Item, error)

	// BatchGet returns the items there are, in no order. Keys are distinct,
	// and may be more than one request to the store can carry.
	BatchGet(ctx context.Context, s *Schema, keys []types.AttributeValue, consistent bool) ([]Item, error)

	// Update changes an item that is there and alive at u.Now and meets u.If,
	// and returns it as it is afterwards. Else a *ConditionError carries the
	// item that was found, dead or alive, or nil.
	Update(ctx context.Context, s *Schema, u Update) (Item, error)

	// Delete removes an item under the same conditions as Update and returns
	// it as it was.
	Delete(ctx context.Context, s *Schema, d Delete) (Item, error)

	// Query reads one partition of an index in the order of its range
	// attribute (or of the key, in an index without one), dead items
	// included. The page's items hold the index's projection.
	Query(ctx context.Context, s *Schema, q Query) (Page, error)

	// Scan reads the whole table, page by page, in no order, dead items
	// included. The page's length is the engine's choice.
	Scan(ctx context.Context, s *Schema, start Item) (Page, error)

	// Ping asks the store for a sign of life that costs little.
	Ping(ctx context.Context, s *Schema) error
}

// Capacity is what a new table may use. The zero value is on demand.
type Capacity struct {
	// ReadUnits and WriteUnits per second; both zero for on demand.
	ReadUnits, WriteUnits int64
}

// Put is a write that creates.
type Put struct {
	Item Item
	Now  time.Time // decides what is past its time to live
}

// Update is a write that changes an item.
type Update struct {
	Key    types.AttributeValue
	Set    Item     // never holds the key
	Remove []string // disjoint from Set
	If     []Check
	Now    time.Time
}

// Delete is a write that removes an item.
type Delete struct {
	Key types.AttributeValue
	If  []Check
	Now time.Time
}

// Query reads one partition of an index.
type Query struct {
	Index  Index
	Hash   types.AttributeValue
	From   types.AttributeValue // where the range starts, inclusive; nil for its end
	Oldest bool                 // ascending by range; else descending
	Limit  int                  // at least 1
	After  Item                 // a Page's Next: key, hash and range attribute
}

// Page is a part of a query's or scan's items.
type Page struct {
	Items []Item
	Next  Item // where to go on; nil on the last page
}

// Description is what a store says of a table.
type Description struct {
	Table   string
	Key     Attribute
	Status  string // of the table: ACTIVE, CREATING, ...
	Items   int64  // as far as the store knows; DynamoDB counts every six hours
	Bytes   int64
	TTL     string // attribute, "" if off
	Indexes []IndexDescription
}

// IndexDescription is what a store says of an index.
type IndexDescription struct {
	Index
	Status string
}

// Call is one request that an engine made to its store, told to an [Observer].
type Call struct {
	Operation  string // GetItem, UpdateItem, Query, ...
	Table      string
	Duration   time.Duration
	Err        error   // a failed condition is a *ConditionError
	ReadUnits  float64 // consumed, where the store says so
	WriteUnits float64
}

// Observer is told of every request, for metrics. It must not block.
type Observer func(Call)
