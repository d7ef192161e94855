package embedded

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/statusd/statusd/internal/table"
)

// sweepMost is how many rows one step of the sweeper looks at. If all of them
// are dead they take some milliseconds of the writer's time.
const sweepMost = 200

// sweep goes through all tables again and again and removes what is past its
// time to live.
func (e *Engine) sweep(every time.Duration) {
	if every <= 0 {
		return
	}
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
// to keep. The writer is troubled with the dead alone, and spares those that
// have changed since.
func (e *Engine) sweepTable(l *layout) error {
	if l.ttl == "" {
		return nil
	}
	schema := &table.Schema{Table: l.name, Key: l.key, TTL: l.ttl}
	sql := "SELECT id, rev, key, CASE WHEN ttl <= ? THEN item END FROM " + l.sqlTable + " WHERE id > ? ORDER BY id LIMIT ?"
	for last, rows := int64(0), sweepMost; rows == sweepMost; {
		var dead []record
		now := time.Now()
		rows = 0
		err := e.read(context.Background(), func(c *conn) error {
			return c.query(sql, func(row []driver.Value) error {
				rows++
				last = row[0].(int64)
				if row[3] == nil {
					return nil
				}
				item, err := l.parse(row[2], row[3])
				if err == nil && !schema.Alive(item, now) {
					dead = append(dead, record{id: last, rev: row[1].(int64)})
				}
				return nil // what can't be read is not the sweeper's to remove
			}, now.Unix(), last, int64(sweepMost))
		})
		if err == nil && len(dead) > 0 {
			err = e.writer.do(context.Background(), &operation{run: func(c *conn) error {
				for _, r := range dead {
					if _, err := c.exec(l.delete, r.id, r.rev); err != nil {
						return err
					}
				}
				return nil
			}})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
