package embedded

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/statusd/statusd/internal/table"
)

// The catalogue says what tables and indexes there are. Its names have spaces,
// which no table's name has.
var catalogue = []string{
	`CREATE TABLE IF NOT EXISTS "catalogue of tables" (
		name TEXT PRIMARY KEY, key TEXT NOT NULL, type TEXT NOT NULL, ttl TEXT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS "catalogue of indexes" (
		"table" TEXT NOT NULL, name TEXT NOT NULL,
		hash TEXT NOT NULL, hash_type TEXT NOT NULL, range TEXT NOT NULL, range_type TEXT NOT NULL,
		projection TEXT NOT NULL, include TEXT NOT NULL, complete INTEGER NOT NULL,
		PRIMARY KEY ("table", name))`,
}

// layout is a table as the file has it, and the statements for it. It is never
// changed: an index more is another layout.
type layout struct {
	name     string
	key      table.Attribute
	ttl      string
	indexes  []index
	types    map[string]string // of the indexes' attributes
	columns  []string          // the indexes' attributes, each with a column
	sqlTable string            // quoted

	selectOne, insert, update, updateAll, delete string
}

// index is one of the table's, complete once all records are in it.
type index struct {
	table.Index
	complete bool
}

// newLayout completes a layout with what follows from the rest.
func newLayout(l layout) *layout {
	l.sqlTable = quoted(l.name)
	l.columns = nil
	for _, i := range l.indexes {
		for _, name := range []string{i.Hash, i.Range} {
			if name != "" && !slices.Contains(l.columns, name) {
				l.columns = append(l.columns, name)
			}
		}
	}
	names, marks, sets := "", "", ""
	for _, c := range l.columns {
		names += ", " + quoted("@"+c)
		marks += ", ?"
		sets += ", " + quoted("@"+c) + " = ?"
	}
	l.selectOne = "SELECT id, rev, item FROM " + l.sqlTable + " WHERE key = ?"
	l.insert = "INSERT INTO " + l.sqlTable + " (key, rev, ttl, item" + names + ") VALUES (?, ?, ?, ?" + marks + ") ON CONFLICT (key) DO NOTHING"
	// An update that changes no key of an index leaves the indexes alone.
	l.update = "UPDATE " + l.sqlTable + " SET rev = ?, ttl = ?, item = ? WHERE id = ? AND rev = ?"
	l.updateAll = "UPDATE " + l.sqlTable + " SET rev = ?, ttl = ?, item = ?" + sets + " WHERE id = ? AND rev = ?"
	l.delete = "DELETE FROM " + l.sqlTable + " WHERE id = ? AND rev = ?"
	return &l
}

// quoted is a name for SQL. SQLite's names know no case, DynamoDB's do: what
// is not lower case carries its own spelling with it.
func quoted(name string) string {
	if name != strings.ToLower(name) {
		name += "#" + hex.EncodeToString([]byte(name))
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func (l *layout) sqlIndex(name string) string { return quoted(l.name + " " + name) }

// createIndex is the statement for an index. Records without its hash or its
// range are not in it.
func (l *layout) createIndex(i table.Index) string {
	hash := quoted("@" + i.Hash)
	if i.Range == "" {
		return "CREATE INDEX IF NOT EXISTS " + l.sqlIndex(i.Name) + " ON " + l.sqlTable +
			" (" + hash + ", key) WHERE " + hash + " IS NOT NULL"
	}
	rng := quoted("@" + i.Range)
	return "CREATE INDEX IF NOT EXISTS " + l.sqlIndex(i.Name) + " ON " + l.sqlTable +
		" (" + hash + ", " + rng + ", key) WHERE " + hash + " IS NOT NULL AND " + rng + " IS NOT NULL"
}

// index returns the index of that name.
func (l *layout) index(name string) (index, bool) {
	at := slices.IndexFunc(l.indexes, func(i index) bool { return i.Name == name })
	if at < 0 {
		return index{}, false
	}
	return l.indexes[at], true
}

// with returns the layout with one index more, or with that index replaced.
func (l *layout) with(s *table.Schema, i index) *layout {
	next := *l
	next.indexes = append(slices.DeleteFunc(slices.Clone(l.indexes), func(o index) bool { return o.Name == i.Name }), i)
	next.types = make(map[string]string)
	for name, kind := range l.types {
		next.types[name] = kind
	}
	for _, name := range []string{i.Hash, i.Range} {
		if a, ok := s.Attribute(name); ok {
			next.types[name] = a.Type
		}
	}
	return newLayout(next)
}

// differs tells in what the schema is another table than this.
func (l *layout) differs(s *table.Schema) error {
	say := func(format string, args ...any) error {
		return &table.SchemaError{Table: s.Table, Difference: fmt.Sprintf(format, args...)}
	}
	switch {
	case l.key.Name != s.Key.Name:
		return say("its partition key is %s, not %s", l.key.Name, s.Key.Name)
	case l.key.Type != s.Key.Type:
		return say("its partition key %s is a %s, not a %s", l.key.Name, l.key.Type, s.Key.Type)
	case l.ttl != s.TTL && l.ttl != "" && s.TTL != "":
		return say("its time to live is %q, not %q", l.ttl, s.TTL)
	}
	for _, declared := range s.Indexes {
		if err := l.indexDiffers(s, declared); err != nil {
			return err
		}
	}
	return nil
}

// indexDiffers tells in what an index of that name is another one.
func (l *layout) indexDiffers(s *table.Schema, declared table.Index) error {
	found, ok := l.index(declared.Name)
	if !ok {
		return nil
	}
	if !found.Index.Equal(declared) {
		return &table.SchemaError{Table: s.Table, Difference: fmt.Sprintf("it has index %s, not %s", found.Index, declared)}
	}
	for _, name := range []string{declared.Hash, declared.Range} {
		if a, ok := s.Attribute(name); ok && a.Type != l.types[name] {
			return &table.SchemaError{Table: s.Table, Difference: fmt.Sprintf(
				"index %s has %s as a %s, not a %s", declared.Name, name, l.types[name], a.Type)}
		}
	}
	return nil
}

// record is an item as it stands in its row.
type record struct {
	id, rev int64
	item    table.Item
	size    int // of the item's text
}

// stored returns the columns of an item: ttl, item, and those of the indexes.
func (l *layout) stored(item table.Item) (ttl, text driver.Value, keys []driver.Value) {
	if n, ok := item[l.ttl].(*types.AttributeValueMemberN); ok && l.ttl != "" {
		// For the sweeper alone, which looks at the item itself before it acts.
		if seconds, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			ttl = seconds
		}
	}
	return ttl, string(appendItem(make([]byte, 0, 512), item, l.key.Name)), l.columnsOf(item)
}

// columnsOf returns the columns of an item's indexes. What no index can hold,
// written before there was one, is in none, as on DynamoDB.
func (l *layout) columnsOf(item table.Item) []driver.Value {
	values := make([]driver.Value, len(l.columns))
	for i, name := range l.columns {
		if av, ok := item[name]; ok && l.checkKey(name, av) == nil {
			values[i] = column(av)
		}
	}
	return values
}

// parse reads the item of a row.
func (l *layout) parse(key, stored driver.Value) (table.Item, error) {
	text, _ := stored.(string) // another program may have left a BLOB
	item, err := parseItem(text)
	if err != nil {
		return nil, &table.CorruptError{Table: l.name, Key: fmt.Sprint(key), Problem: table.Problem{Attribute: "item", Reason: err.Error()}}
	}
	return item, nil
}

// one reads the present row of a key.
func (l *layout) one(c *conn, key driver.Value) (found record, err error) {
	err = c.query(l.selectOne, func(row []driver.Value) error {
		found.id, found.rev = row[0].(int64), row[1].(int64)
		found.item, err = l.parse(key, row[2])
		return err
	}, key)
	return found, err
}

// loadLayouts reads the catalogue.
func loadLayouts(c *conn) (map[string]*layout, error) {
	found := make(map[string]*layout)
	err := c.query(`SELECT name, key, type, ttl FROM "catalogue of tables"`, func(row []driver.Value) error {
		l := layout{name: row[0].(string), ttl: row[3].(string), types: make(map[string]string)}
		l.key = table.Attribute{Name: row[1].(string), Type: row[2].(string), Required: true}
		found[l.name] = &l
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = c.query(`SELECT "table", name, hash, hash_type, range, range_type, projection, include, complete
		FROM "catalogue of indexes" ORDER BY "table", name`, func(row []driver.Value) error {
		l := found[row[0].(string)]
		i := index{complete: row[8].(int64) == 1}
		i.Name, i.Hash, i.Range = row[1].(string), row[2].(string), row[4].(string)
		i.Projection = table.Projection(row[6].(string))
		if names := row[7].(string); names != "" {
			i.Include = strings.Split(names, "\n")
		}
		l.types[i.Hash] = row[3].(string)
		if i.Range != "" {
			l.types[i.Range] = row[5].(string)
		}
		l.indexes = append(l.indexes, i)
		return nil
	})
	for name, l := range found {
		found[name] = newLayout(*l)
	}
	return found, err
}

// note writes an index into the catalogue.
func (l *layout) note(c *conn, i index) error {
	_, err := c.exec(`INSERT INTO "catalogue of indexes" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET complete = excluded.complete`,
		l.name, i.Name, i.Hash, l.types[i.Hash], i.Range, l.types[i.Range],
		string(i.Projection), strings.Join(i.Include, "\n"), i.complete)
	return err
}
