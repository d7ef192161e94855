package embedded

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/statusd/statusd/internal/table"
)

// sweepMost is how many rows one step of the sweeper looks at: so many ids
// take a millisecond or two of the writer's time.
const sweepMost = 1000

// sweep goes through all tables again and again and removes what is past its
// time to live.
func (e *Engine) sweep(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-e.closing:
			return
		case <-ticker.C:
		}
		for _, l := range *e.layouts.Load() {
			if err := e.sweepTable(l); err != nil {
				break // the disk: those who write are told, the next round tries again
			}
		}
	}
}

// sweepTable removes the dead records of a table, some rows at a time, in the
// order of their ids: no index by time is needed, which each write would have
// to keep.
func (e *Engine) sweepTable(l *layout) error {
	if l.ttl == "" {
		return nil
	}
	schema := &table.Schema{Table: l.name, Key: l.key, TTL: l.ttl}
	sql := "SELECT id, rev, item, ttl FROM " + l.sqlTable + " WHERE id > ? ORDER BY id LIMIT ?"
	for last, more := int64(0), true; more; {
		select {
		case <-e.closing:
			return nil
		default:
		}
		err := e.writer.do(context.Background(), &operation{run: func(c *conn) error {
			now, rows := time.Now(), 0
			var dead []record
			err := c.query(sql, func(row []driver.Value) error {
				rows++
				last = row[0].(int64)
				if ends, ok := row[3].(int64); !ok || ends > now.Unix() {
					return nil
				}
				item, err := parseItem(row[2].(string))
				if err == nil && !schema.Alive(item, now) {
					dead = append(dead, record{id: last, rev: row[1].(int64)})
				}
				return nil // what can't be read is not the sweeper's to remove
			}, last, int64(sweepMost))
			if err != nil {
				return err
			}
			for _, r := range dead {
				if _, err := c.exec(l.delete, r.id, r.rev); err != nil {
					return &diskError{err}
				}
			}
			more = rows == sweepMost
			return nil
		}})
		if err != nil {
			return err
		}
	}
	return nil
}
