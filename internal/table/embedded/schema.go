package embedded

import (
	"context"
	"database/sql/driver"
	"maps"
	"slices"

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
		if l.ttl != s.TTL && s.TTL != "" {
			if err := e.enableTTL(ctx, *l, s.TTL); err != nil {
				return err
			}
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

// enableTTL has the dead removed of a table that was made without a time to
// live. The catalogue learns of it last, so that what is broken off is begun
// again after the next start.
func (e *Engine) enableTTL(ctx context.Context, l layout, attribute string) error {
	l.ttl = attribute
	if err := e.changeLayout(ctx, &l, func(*conn) error { return nil }); err != nil {
		return err
	}
	if err := e.fill(ctx, &l); err != nil {
		return err
	}
	return e.changeLayout(ctx, &l, func(c *conn) error {
		_, err := c.exec(`UPDATE "catalogue of tables" SET ttl = ? WHERE name = ?`, l.ttl, l.name)
		return err
	})
}

// fill sets the columns of all records from their items. One that can't be
// read is in no index.
func (e *Engine) fill(ctx context.Context, l *layout) error {
	read := "SELECT id, rev, key, item FROM " + l.sqlTable + " WHERE id > ? ORDER BY id LIMIT ?"
	for last, rows := int64(0), fillMost; rows == fillMost; {
		err := e.writer.do(ctx, &operation{run: func(c *conn) error {
			var found []record
			rows = 0
			err := c.query(read, func(row []driver.Value) error {
				rows++
				last = row[0].(int64)
				if item, err := l.parse(row[2], row[3]); err == nil {
					found = append(found, record{id: last, rev: row[1].(int64), item: item})
				}
				return nil
			}, last, int64(fillMost))
			for _, r := range found {
				if err == nil {
					ttl, text, keys := l.stored(r.item)
					_, err = c.exec(l.updateAll, slices.Concat([]driver.Value{r.rev, ttl, text}, keys, []driver.Value{r.id, r.rev})...)
				}
			}
			return err
		}})
		if err != nil {
			return unavailable(l.name, "CreateIndex", err)
		}
	}
	return nil
}

// changeLayout changes the file's tables in a transaction of their own, and
// from then on goes by the new layout. Connections that read learn of it from
// SQLite. It is waited for, whatever the context: the next change of a layout
// begins with this one.
func (e *Engine) changeLayout(ctx context.Context, l *layout, doing func(c *conn) error) error {
	err := e.writer.do(context.WithoutCancel(ctx), &operation{alone: true, run: doing, committed: func() {
		all := maps.Clone(*e.layouts.Load())
		all[l.name] = l
		e.layouts.Store(&all)
	}})
	return unavailable(l.name, "CreateTable", err)
}

// create is the statement for the table.
func (l *layout) create() string {
	sql := "CREATE TABLE " + l.sqlTable + " (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, rev INTEGER NOT NULL, ttl INTEGER, item TEXT NOT NULL"
	for _, c := range l.columns {
		sql += ", " + quoted("@"+c)
	}
	return sql + ")"
}
