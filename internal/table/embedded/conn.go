package embedded

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"

	"modernc.org/sqlite"
)

// conn is one connection to the file, with its prepared statements. The driver
// is used without database/sql, whose pool costs more than a short read.
// It is for one goroutine at a time, and takes no context: this driver rolls
// back the whole transaction when one ends, other callers' work with it.
type conn struct {
	raw        driver.Conn
	statements map[string]driver.Stmt
}

// openConn returns a connection on which the statements have been executed.
func openConn(path string, statements ...string) (*conn, error) {
	// As a URI, so that a ? or % in the path is part of the name. By mode rw
	// SQLite makes no new file where one was taken away while we ran.
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=rw"}
	raw, err := new(sqlite.Driver).Open(name.String())
	if err != nil {
		return nil, err
	}
	c := &conn{raw, make(map[string]driver.Stmt)}
	for _, s := range statements {
		if _, err := c.exec(s); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", s, err), c.close())
		}
	}
	return c, nil
}

func (c *conn) close() error {
	for _, s := range c.statements {
		_ = s.Close() // closing the connection tells
	}
	return c.raw.Close()
}

// prepared returns the statement, prepared once for all its executions.
func (c *conn) prepared(sql string) (driver.Stmt, error) {
	if s, ok := c.statements[sql]; ok {
		return s, nil
	}
	s, err := c.raw.Prepare(sql)
	if err == nil {
		c.statements[sql] = s
	}
	return s, err
}

// named numbers the arguments as the driver wants them.
func named(args []driver.Value) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, v := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return values
}

// exec executes a statement and returns how many rows it changed.
func (c *conn) exec(sql string, args ...driver.Value) (int64, error) {
	s, err := c.prepared(sql)
	if err != nil {
		return 0, err
	}
	result, err := s.(driver.StmtExecContext).ExecContext(context.Background(), named(args))
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// query calls each for every row of the result. The row is reused.
func (c *conn) query(sql string, each func(row []driver.Value) error, args ...driver.Value) error {
	s, err := c.prepared(sql)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), named(args))
	if err != nil {
		return err
	}
	row := make([]driver.Value, len(rows.Columns()))
	for {
		err := rows.Next(row)
		if err == nil {
			err = each(row)
		}
		if errors.Is(err, io.EOF) {
			return rows.Close()
		}
		if err != nil {
			return errors.Join(err, rows.Close())
		}
	}
}

// one returns the first row of the result, nil if there is none.
func (c *conn) one(sql string, args ...driver.Value) (row []driver.Value, err error) {
	err = c.query(sql, func(r []driver.Value) error {
		row = append([]driver.Value(nil), r...)
		return io.EOF
	}, args...)
	return row, err
}
