package embedded

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/statusd/statusd/internal/table"
)

const (
	// scanPage is how many items a page of a scan has at most.
	scanPage = 500
	// pageMost is after how many bytes a page ends, as on DynamoDB.
	pageMost = 1 << 20
)

// reading is a read of one table, on a connection of the pool.
func (e *Engine) reading(ctx context.Context, operation string, s *table.Schema, doing func(c *conn, l *layout) error) error {
	return e.call(operation, s, func() error {
		return e.read(ctx, func(c *conn) error {
			l, err := e.layout(s)
			if err != nil {
				return err
			}
			return doing(c, l)
		})
	})
}

// Get implements [table.Engine]. Every read is consistent.
func (e *Engine) Get(ctx context.Context, s *table.Schema, key types.AttributeValue, _ bool) (item table.Item, err error) {
	err = e.reading(ctx, "GetItem", s, func(c *conn, l *layout) error {
		k, err := l.keyOf(key)
		if err != nil {
			return err
		}
		found, err := l.one(c, k)
		item = found.item
		return err
	})
	return item, err
}

// BatchGet implements [table.Engine].
func (e *Engine) BatchGet(ctx context.Context, s *table.Schema, keys []types.AttributeValue, _ bool) (items []table.Item, err error) {
	err = e.reading(ctx, "BatchGetItem", s, func(c *conn, l *layout) error {
		for _, key := range keys {
			k, err := l.keyOf(key)
			if err != nil {
				return err
			}
			found, err := l.one(c, k)
			if err != nil {
				return err
			}
			if found.item != nil {
				items = append(items, found.item)
			}
		}
		return nil
	})
	return items, err
}

// Query implements [table.Engine].
func (e *Engine) Query(ctx context.Context, s *table.Schema, q table.Query) (page table.Page, err error) {
	err = e.reading(ctx, "Query", s, func(c *conn, l *layout) error {
		i, ok := l.index(q.Index.Name)
		if !ok || !i.complete {
			return &table.SchemaError{Table: l.name, Difference: fmt.Sprintf("it has no index %s", q.Index.Name)}
		}
		q.Index = i.Index
		sql, args, err := l.selectIndex(q)
		if err != nil {
			return err
		}
		size := 0
		return c.query(sql, func(row []driver.Value) error {
			if len(page.Items) == q.Limit || size > pageMost {
				page.Next = l.position(page.Items[len(page.Items)-1], i.Index)
				return io.EOF
			}
			item, err := l.parse(row[0], row[1])
			if err != nil {
				return err
			}
			size += len(row[1].(string))
			page.Items = append(page.Items, l.projected(item, i.Index))
			return nil
		}, args...)
	})
	return page, err
}

// selectIndex is the statement for a query. It asks for one record more than
// the limit, to see whether there is one.
func (l *layout) selectIndex(q table.Query) (sql string, args []driver.Value, err error) {
	hash, order, beyond, within := quoted("@"+q.Index.Hash), "DESC", "<", "<="
	if q.Oldest {
		order, beyond, within = "ASC", ">", ">="
	}
	// bind takes up a value for an attribute of the index.
	bind := func(name string, av types.AttributeValue) {
		if table.TypeOf(av) != l.types[name] && err == nil {
			err = l.invalid(name, "a query of "+q.Index.String()+" with a value that is no "+l.types[name])
		}
		args = append(args, column(av))
	}
	where := []string{hash + " = ?"}
	bind(q.Index.Hash, q.Hash)
	at, by, marks := "key", "key "+order, "?"
	if q.Index.Range != "" {
		rng := quoted("@" + q.Index.Range)
		at, by, marks = "("+rng+", key)", rng+" "+order+", "+by, "(?, ?)"
		where = append(where, rng+" IS NOT NULL")
		if q.From != nil {
			where = append(where, rng+" "+within+" ?")
			bind(q.Index.Range, q.From)
		}
	}
	if q.After != nil {
		where = append(where, at+" "+beyond+" "+marks)
		if q.Index.Range != "" {
			bind(q.Index.Range, q.After[q.Index.Range])
		}
		key, invalid := l.keyOf(q.After[l.key.Name])
		err = cmp.Or(err, invalid)
		args = append(args, key)
	}
	sql = "SELECT key, item FROM " + l.sqlTable + " WHERE " + strings.Join(where, " AND ") + " ORDER BY " + by + " LIMIT ?"
	return sql, append(args, int64(q.Limit)+1), err
}

// projected is the part of an item that an index holds.
func (l *layout) projected(item table.Item, i table.Index) table.Item {
	if i.Projection == table.ProjectAll {
		return item
	}
	part := l.position(item, i)
	for _, name := range i.Include {
		if av, ok := item[name]; ok {
			part[name] = av
		}
	}
	return part
}

// position is where an item stands in an index.
func (l *layout) position(item table.Item, i table.Index) table.Item {
	p := table.Item{l.key.Name: item[l.key.Name], i.Hash: item[i.Hash]}
	if i.Range != "" {
		p[i.Range] = item[i.Range]
	}
	return p
}

// Scan implements [table.Engine]. It goes by key, so that it goes on also
// after a record that has been deleted.
func (e *Engine) Scan(ctx context.Context, s *table.Schema, start table.Item) (page table.Page, err error) {
	err = e.reading(ctx, "Scan", s, func(c *conn, l *layout) error {
		sql := "SELECT key, item FROM " + l.sqlTable
		var args []driver.Value
		if start != nil {
			key, err := l.keyOf(start[l.key.Name])
			if err != nil {
				return err
			}
			sql += " WHERE key > ?"
			args = append(args, key)
		}
		size := 0
		return c.query(sql+" ORDER BY key LIMIT ?", func(row []driver.Value) error {
			item, err := l.parse(row[0], row[1])
			if err != nil {
				return err
			}
			page.Items = append(page.Items, item)
			size += len(row[1].(string))
			if len(page.Items) == scanPage || size > pageMost {
				page.Next = table.Item{l.key.Name: item[l.key.Name]}
				return io.EOF
			}
			return nil
		}, append(args, int64(scanPage))...)
	})
	return page, err
}

// Describe implements [table.Engine].
func (e *Engine) Describe(ctx context.Context, s *table.Schema) (d table.Description, err error) {
	err = e.call("DescribeTable", s, func() error {
		l, err := e.layout(s)
		if err != nil {
			return fmt.Errorf("table %s: %w", s.Table, table.ErrNotFound)
		}
		d = table.Description{Table: l.name, Key: l.key, Status: "ACTIVE", TTL: l.ttl}
		for _, i := range l.indexes {
			status := "CREATING"
			if i.complete {
				status = "ACTIVE"
			}
			d.Indexes = append(d.Indexes, table.IndexDescription{Index: i.Index, Status: status})
		}
		return e.read(ctx, func(c *conn) error {
			row, err := c.one("SELECT count(*), coalesce(sum(octet_length(item)), 0) FROM " + l.sqlTable)
			if err == nil {
				d.Items, d.Bytes = row[0].(int64), row[1].(int64)
			}
			return err
		})
	})
	return d, err
}

// Ping implements [table.Engine]: the file can be read, and the last write did
// not fail, or writing works again.
func (e *Engine) Ping(ctx context.Context, s *table.Schema) error {
	return e.call("Ping", s, func() error {
		if _, err := os.Stat(e.path); err != nil {
			return err
		}
		if e.writer.broken.Load() {
			return unavailable(s.Table, "Ping", e.writer.do(ctx, &operation{run: func(c *conn) error {
				_, err := c.exec(stampVersion)
				return err
			}}))
		}
		return e.read(ctx, func(c *conn) error {
			_, err := c.one("SELECT 1 FROM sqlite_schema LIMIT 1")
			return err
		})
	})
}
