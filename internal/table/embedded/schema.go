package embedded

import (
	"context"
	"database/sql/driver"
	"maps"

	"github.com/statusd/statusd/internal/table"
)

// fillMost is how many records one step of filling an index takes up: other
// writers come in between.
const fillMost = 500

// CreateTable implements [table.Engine]. The capacity is the machine's.
func (e *Engine) CreateTable(ctx context.Context, s *table.Schema, _ table.Capacity) error {
	return e.call("CreateTable", s, func() error {
		e.schemaChange.Lock()
		defer e.schemaChange.Unlock()
		l, err := e.layout(s)
		if err != nil {
			return e.createTable(ctx, s)
		}
		if err := l.differs(s); err != nil {
			return err
		}
		for _, declared := range s.Indexes {
			if err := e.createIndex(ctx, s, declared); err != nil {
				return err
			}
		}
		return nil
	})
}

// CreateIndex implements [table.Engine].
func (e *Engine) CreateIndex(ctx context.Context, s *table.Schema, i table.Index) error {
	return e.call("CreateIndex", s, func() error {
		e.schemaChange.Lock()
		defer e.schemaChange.Unlock()
		l, err := e.layout(s)
		if err != nil {
			return &table.SchemaError{Table: s.Table, Difference: "it is not there"}
		}
		if err := l.indexDiffers(s, i); err != nil {
			return err
		}
		return e.createIndex(ctx, s, i)
	})
}

// createTable makes a new table with all its indexes.
func (e *Engine) createTable(ctx context.Context, s *table.Schema) error {
	l := &layout{name: s.Table, key: s.Key, ttl: s.TTL}
	for _, i := range s.Indexes {
		l = l.with(s, index{i, true})
	}
	l = newLayout(*l)
	statements := []string{l.create()}
	for _, i := range l.indexes {
		statements = append(statements, l.createIndex(i.Index))
	}
	return e.changeLayout(ctx, l, func(c *conn) error {
		for _, sql := range statements {
			if _, err := c.exec(sql); err != nil {
				return err
			}
		}
		_, err := c.exec(`INSERT INTO "catalogue of tables" VALUES (?, ?, ?, ?)`, l.name, l.key.Name, l.key.Type, l.ttl)
		for _, i := range l.indexes {
			if err == nil {
				err = l.note(c, i)
			}
		}
		return err
	})
}

// createIndex adds an index in steps, so that writers wait for none of them
// long: first its columns, which all later writes fill; then, some at a time,
// the columns of the records that are there; and last the index itself. One
// that was broken off is taken up again.
func (e *Engine) createIndex(ctx context.Context, s *table.Schema, i table.Index) error {
	l, err := e.layout(s)
	if err != nil {
		return err
	}
	if found, ok := l.index(i.Name); ok && found.complete {
		return nil
	}
	filling := l.with(s, index{i, false})
	err = e.changeLayout(ctx, filling, func(c *conn) error {
		for _, name := range filling.columns[len(l.columns):] {
			if _, err := c.exec("ALTER TABLE " + l.sqlTable + " ADD COLUMN " + quoted("@"+name)); err != nil {
				return err
			}
		}
		return filling.note(c, index{i, false})
	})
	if err != nil {
		return err
	}
	if err := e.fill(ctx, filling); err != nil {
		return err
	}
	complete := l.with(s, index{i, true})
	return e.changeLayout(ctx, complete, func(c *conn) error {
		if _, err := c.exec(complete.createIndex(i)); err != nil {
			return err
		}
		return complete.note(c, index{i, true})
	})
}

// fill sets the columns of all records from their items.
func (e *Engine) fill(ctx context.Context, l *layout) error {
	read := "SELECT id, rev, item FROM " + l.sqlTable + " WHERE id > ? ORDER BY id LIMIT ?"
	for last, more := int64(0), true; more; {
		err := e.writer.do(ctx, &operation{run: func(c *conn) error {
			var found []record
			err := c.query(read, func(row []driver.Value) error {
				item, err := parseItem(row[2].(string))
				found = append(found, record{row[0].(int64), row[1].(int64), item})
				return err
			}, last, int64(fillMost))
			if err != nil {
				return err
			}
			for _, r := range found {
				if _, err := c.exec(l.updateAll, l.unchanged(r)...); err != nil {
					return &diskError{err}
				}
				last = r.id
			}
			more = len(found) == fillMost
			return nil
		}})
		if err != nil {
			return e.writer.unavailable(l.name, "CreateIndex", err)
		}
	}
	return nil
}

// unchanged are the arguments of updateAll that leave a record as it is, but
// for its columns. A key that no index can hold is in none, as on DynamoDB.
func (l *layout) unchanged(r record) []driver.Value {
	ttl, text, keys := l.stored(r.item)
	for i, name := range l.columns {
		if av, there := r.item[name]; there && (kindOf(av) != l.types[name] || sizeOf(av) == 0) {
			keys[i] = nil
		}
	}
	args := append([]driver.Value{r.rev, ttl, text}, keys...)
	return append(args, r.id, r.rev)
}

// changeLayout changes the file's tables in a transaction of their own, and
// from then on goes by the new layout. Connections that read learn of it from
// SQLite.
func (e *Engine) changeLayout(ctx context.Context, l *layout, doing func(c *conn) error) error {
	err := e.writer.do(ctx, &operation{alone: true, run: func(c *conn) error {
		if err := doing(c); err != nil {
			return &diskError{err}
		}
		return nil
	}, committed: func() {
		all := maps.Clone(*e.layouts.Load())
		all[l.name] = l
		e.layouts.Store(&all)
	}})
	return e.writer.unavailable(l.name, "CreateTable", err)
}

// create is the statement for the table.
func (l *layout) create() string {
	sql := "CREATE TABLE " + l.sqlTable + " (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, rev INTEGER NOT NULL, ttl INTEGER, item TEXT NOT NULL"
	for _, c := range l.columns {
		sql += ", " + quoted("@"+c)
	}
	return sql + ")"
}
