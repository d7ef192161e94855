package embedded

import (
	"context"
	"database/sql/driver"
	"errors"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/statusd/statusd/internal/table"
)

// change is what a write does to the present item of its key. It returns the
// item to store, nil to delete it, or why nothing is to be written. It must
// not change the present item, and may be asked more than once.
type change func(present table.Item) (next table.Item, err error)

// plan is a change worked out against a row: what is left for the writer is
// one statement.
type plan struct {
	layout *layout
	sql    string
	args   []driver.Value
	was    table.Item
	next   record // its id is 0 if the row is new
}

// write applies a change to the item of a key. The work is done here, against
// the row as it was written last or as it is read now, so that the writer only
// has to see whether that row is still the same; if not, it asks the change
// again. It returns the item before and after; both may be in recent still.
func (e *Engine) write(ctx context.Context, s *table.Schema, name string, key driver.Value, c change) (was, next table.Item, err error) {
	p := e.guess(s, key, c)
	if p == nil {
		err = e.read(ctx, func(r *conn) error {
			l, err := e.layout(s)
			if err == nil {
				p, err = l.plan(r, key, c)
			}
			return err
		})
		if err != nil {
			return nil, nil, err // decided on what was committed during the call
		}
	}
	err = e.writer.do(ctx, &operation{run: func(w *conn) error {
		if l, err := e.layout(s); err == nil && l == p.layout {
			changed, err := w.exec(p.sql, p.args...)
			if err != nil || changed == 1 {
				return err
			}
		}
		l, err := e.layout(s)
		if err != nil {
			return err
		}
		if p, err = l.plan(w, key, c); err != nil {
			return err
		}
		changed, err := w.exec(p.sql, p.args...)
		if err == nil && changed != 1 {
			err = errUnwritten
		}
		return err
	}})
	if err != nil {
		return nil, nil, unavailable(s.Table, name, err)
	}
	if p.next.id != 0 {
		e.recent.Set(rowKey{s.Table, key}, p.next)
	}
	return p.was, p.next.item, nil
}

// rowKey is a row among those that were written last.
type rowKey struct {
	table string
	key   driver.Value
}

// weight is what a row counts for among them.
func weight(_ rowKey, row record) uint32 { return uint32(row.size) }

// guess plans a change without a read, against the row as this engine wrote it
// last. Nothing but a write may rest on that, which the writer tests.
func (e *Engine) guess(s *table.Schema, key driver.Value, c change) *plan {
	row, ok := e.recent.GetIfPresent(rowKey{s.Table, key})
	if !ok {
		return nil
	}
	l, err := e.layout(s)
	if err != nil {
		return nil
	}
	p, err := l.planFrom(row, key, c)
	if err != nil {
		return nil
	}
	return p
}

// errUnwritten is a row that was there a moment ago, in the same transaction.
var errUnwritten = errors.New("the row could not be written")

// plan works a change out against the present row of its key.
func (l *layout) plan(c *conn, key driver.Value, change change) (*plan, error) {
	found, err := l.one(c, key)
	if err != nil {
		return nil, err
	}
	return l.planFrom(found, key, change)
}

func (l *layout) planFrom(found record, key driver.Value, change change) (*plan, error) {
	next, err := change(found.item)
	if err != nil {
		return nil, err
	}
	p := &plan{layout: l, was: found.item}
	if next == nil {
		p.sql, p.args = l.delete, []driver.Value{found.id, found.rev}
		return p, nil
	}
	ttl, text, keys := l.stored(next)
	rev := rand.Int64() // any but the last one: ids come back after a delete
	p.next = record{id: found.id, rev: rev, item: next, size: len(text.(string))}
	switch {
	case found.item == nil:
		p.sql, p.args = l.insert, append([]driver.Value{key, rev, ttl, text}, keys...)
	case reflect.DeepEqual(keys, l.columnsOf(found.item)):
		p.sql, p.args = l.update, []driver.Value{rev, ttl, text, found.id, found.rev}
	default:
		p.sql = l.updateAll
		p.args = slices.Concat([]driver.Value{rev, ttl, text}, keys, []driver.Value{found.id, found.rev})
	}
	return p, nil
}

// Put implements [table.Engine].
func (e *Engine) Put(ctx context.Context, s *table.Schema, w table.Put) error {
	return e.call("PutItem", s, func() error {
		l, err := e.layout(s)
		if err != nil {
			return err
		}
		key, err := l.keyOf(w.Item[s.Key.Name])
		if err != nil {
			return err
		}
		item, err := l.normalized(w.Item)
		if err != nil {
			return err
		}
		if err := l.checkSize(item); err != nil {
			return err
		}
		_, _, err = e.write(ctx, s, "PutItem", key, func(present table.Item) (table.Item, error) {
			if s.Alive(present, w.Now) {
				return nil, &table.ConditionError{Found: present}
			}
			return item, nil
		})
		return err
	})
}

// Update implements [table.Engine].
func (e *Engine) Update(ctx context.Context, s *table.Schema, u table.Update) (updated table.Item, err error) {
	err = e.call("UpdateItem", s, func() error {
		l, err := e.layout(s)
		if err != nil {
			return err
		}
		key, err := l.keyOf(u.Key)
		if err != nil {
			return err
		}
		if _, ok := u.Set[s.Key.Name]; ok || slices.Contains(u.Remove, s.Key.Name) {
			return l.invalid(s.Key.Name, "the partition key can't be changed")
		}
		set, err := l.normalized(u.Set)
		if err != nil {
			return err
		}
		_, updated, err = e.write(ctx, s, "UpdateItem", key, func(present table.Item) (table.Item, error) {
			if !s.Alive(present, u.Now) || !allHold(u.If, present) {
				return nil, &table.ConditionError{Found: present}
			}
			next := maps.Clone(present)
			maps.Copy(next, set)
			for _, name := range u.Remove {
				delete(next, name)
			}
			return next, l.checkSize(next)
		})
		return err
	})
	return updated, err
}

// Delete implements [table.Engine].
func (e *Engine) Delete(ctx context.Context, s *table.Schema, d table.Delete) (deleted table.Item, err error) {
	err = e.call("DeleteItem", s, func() error {
		l, err := e.layout(s)
		if err != nil {
			return err
		}
		key, err := l.keyOf(d.Key)
		if err != nil {
			return err
		}
		deleted, _, err = e.write(ctx, s, "DeleteItem", key, func(present table.Item) (table.Item, error) {
			if !s.Alive(present, d.Now) || !allHold(d.If, present) {
				return nil, &table.ConditionError{Found: present}
			}
			return nil, nil
		})
		return err
	})
	return deleted, err
}

func allHold(checks []table.Check, item table.Item) bool {
	return !slices.ContainsFunc(checks, func(c table.Check) bool { return !c.Holds(item) })
}

// keyOf is a partition key in the form of its column.
func (l *layout) keyOf(av types.AttributeValue) (driver.Value, error) {
	switch {
	case table.TypeOf(av) != l.key.Type:
		return nil, l.invalid(l.key.Name, "the partition key is a "+l.key.Type)
	case sizeOf(av) == 0:
		return nil, l.invalid(l.key.Name, "the partition key is empty")
	case l.key.Type == "S" && sizeOf(av) > keyMost:
		return nil, l.tooLarge(l.key.Name, sizeOf(av), keyMost)
	}
	if n, ok := av.(*types.AttributeValueMemberN); ok {
		number, err := table.NormalizeNumber(n.Value)
		if err != nil {
			return nil, l.invalid(l.key.Name, err.Error())
		}
		return number, nil
	}
	return column(av), nil
}
