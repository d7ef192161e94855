package embedded

import (
	"context"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// rows counts the records of jobs, dead or alive.
func rows(t *testing.T, e *Engine) (n int64) {
	t.Helper()
	d, err := e.Describe(t.Context(), jobs())
	require.NoError(t, err)
	return d.Items
}

func TestTheSweeperRemovesTheDeadAlone(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, SweepEvery(time.Millisecond))
	past, future := int(time.Now().Add(-time.Hour).Unix()), int(time.Now().Add(time.Hour).Unix())
	const each = sweepMost // of four kinds, so that it takes some steps
	putAll(t, e, 4*each, func(i int) (string, table.Item) {
		switch i % 4 {
		case 0:
			return fmt.Sprint("dead", i/4), table.Item{"ends": number(past)}
		case 1:
			return fmt.Sprint("live", i/4), table.Item{"ends": number(future)}
		case 2:
			return fmt.Sprint("ever", i/4), nil
		default:
			return fmt.Sprint("odd", i/4), table.Item{"ends": text("never")}
		}
	})
	require.Eventually(t, func() bool { return rows(t, e) == 3*each }, time.Minute, time.Millisecond)
	require.Nil(t, get(t, e, "dead0"))
	for _, name := range []string{"live", "ever", "odd"} {
		require.NotNil(t, get(t, e, fmt.Sprint(name, each-1)))
	}
}

func TestAnIndexIsFilledWhileOthersWrite(t *testing.T) {
	t.Parallel()
	e, path := newEngine(t)
	const count = 3 * fillMost
	putAll(t, e, count, func(i int) (string, table.Item) {
		return fmt.Sprint(i), table.Item{"owner": text("team"), "at": number(i)}
	})
	put(t, e, "odd", table.Item{"owner": number(1), "at": number(1)})
	put(t, e, "none", table.Item{"at": number(1)})
	index := table.Index{Name: "by_owner", Hash: "owner", Range: "at", Projection: table.ProjectAll}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := count; ; i++ {
			select {
			case <-stop:
				return
			default:
				put(t, e, fmt.Sprint(i), table.Item{"owner": text("other"), "at": number(i)})
			}
		}
	}()
	require.NoError(t, e.CreateIndex(t.Context(), jobs(), index))
	close(stop)
	<-stopped
	for range 2 { // and again after opening the file anew
		found := make(map[string]bool)
		for owner, least := range map[string]int{"team": count, "other": 0} {
			q := table.Query{Index: index, Hash: text(owner), Limit: 100}
			for {
				page, err := e.Query(t.Context(), jobs(), q)
				require.NoError(t, err)
				for _, item := range page.Items {
					found[fmt.Sprint(item["id"])] = true
				}
				if q.After = page.Next; q.After == nil {
					break
				}
			}
			require.GreaterOrEqual(t, len(found), least)
		}
		require.EqualValues(t, rows(t, e)-2, len(found))
		require.NoError(t, e.Close())
		e = reopen(t, path)
	}
}

func TestAnIndexThatWasBrokenOffIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	e, path := newEngine(t)
	for i := range 10 {
		put(t, e, fmt.Sprint(i), table.Item{"owner": text("team")})
	}
	// As a process leaves it that ends after the first step.
	owners := table.Index{Name: "by_owner", Hash: "owner", Projection: table.ProjectAll}
	l, err := e.layout(jobs())
	require.NoError(t, err)
	half := l.with(jobs(), index{owners, false})
	require.NoError(t, e.changeLayout(t.Context(), half, func(c *conn) error {
		if _, err := c.exec("ALTER TABLE " + l.sqlTable + ` ADD COLUMN "@owner"`); err != nil {
			return err
		}
		return half.note(c, index{owners, false})
	}))
	require.NoError(t, e.Close())

	e = reopen(t, path)
	q := table.Query{Index: owners, Hash: text("team"), Limit: 20}
	_, err = e.Query(t.Context(), jobs(), q)
	require.ErrorIs(t, err, table.ErrSchema)
	declared := jobs()
	declared.Indexes = append(declared.Indexes, owners)
	require.NoError(t, e.CreateTable(t.Context(), declared, table.Capacity{}))
	page, err := e.Query(t.Context(), jobs(), q)
	require.NoError(t, err)
	require.Len(t, page.Items, 10)
}

func TestATableCanBeGivenATimeToLive(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "statusd.db")
	e := reopen(t, path)
	plain := jobs()
	plain.TTL = ""
	require.NoError(t, e.CreateTable(t.Context(), plain, table.Capacity{}))
	putAll(t, e, fillMost+1, func(i int) (string, table.Item) {
		return fmt.Sprint("dead", i), table.Item{"ends": number(1)}
	})
	put(t, e, "live", nil)
	require.NoError(t, e.CreateTable(t.Context(), jobs(), table.Capacity{}))
	require.NoError(t, e.CreateTable(t.Context(), plain, table.Capacity{}), "who declares none is content with any")
	require.NoError(t, e.Close())

	e = reopen(t, path, SweepEvery(time.Millisecond))
	d, err := e.Describe(t.Context(), jobs())
	require.NoError(t, err)
	require.Equal(t, "ends", d.TTL)
	require.Eventually(t, func() bool { return rows(t, e) == 1 }, time.Minute, time.Millisecond)
	other := jobs()
	other.TTL = "at"
	require.ErrorIs(t, e.CreateTable(t.Context(), other, table.Capacity{}), table.ErrSchema)
}

func TestARecordThatIsRevivedIsNotSwept(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t, SweepEvery(0))
	put(t, e, "a", table.Item{"ends": number(1)})
	l, err := e.layout(jobs())
	require.NoError(t, err)
	release := hold(t, e)
	swept := make(chan error)
	go func() { swept <- e.sweepTable(l) }()
	queued(t, e, 1) // what it found dead is on its way to the writer
	require.NoError(t, e.writer.enter(t.Context(), &operation{run: func(*conn) error { return nil }, outcome: make(chan error, 1)}))
	queued(t, e, 2)
	first, second := <-e.writer.queue, <-e.writer.queue
	done := make(chan error, 1)
	revive := &operation{outcome: done, run: func(c *conn) error {
		_, err := c.exec("UPDATE jobs SET rev = rev + 1, ttl = NULL")
		return err
	}}
	for _, o := range []*operation{revive, first, second} {
		e.writer.queue <- o
	}
	release()
	require.NoError(t, <-done)
	require.NoError(t, <-swept)
	require.Equal(t, int64(1), rows(t, e))
}

func TestAnIndexWhoseCallerHangsUpCanBeMadeAgain(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	put(t, e, "a", table.Item{"owner": text("team")})
	index := table.Index{Name: "by_owner", Hash: "owner", Projection: table.ProjectAll}
	release := hold(t, e)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- e.CreateIndex(ctx, jobs(), index) }()
	queued(t, e, 1)
	cancel()
	release()
	require.ErrorIs(t, <-gone, context.Canceled)
	require.NoError(t, e.CreateIndex(t.Context(), jobs(), index))
	page, err := e.Query(t.Context(), jobs(), table.Query{Index: index, Hash: text("team"), Limit: 2})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
}

func TestAQueryReadsNoMoreThanItsPage(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	l, err := e.layout(jobs())
	require.NoError(t, err)
	start := table.Item{"state": text("new"), "at": number(7), "id": text("a")}
	for _, q := range []table.Query{
		{}, {Oldest: true}, {From: number(5)}, {After: start}, {Oldest: true, From: number(5), After: start},
	} {
		q.Index, q.Hash, q.Limit = jobs().Indexes[0], text("new"), 1
		sql, args, err := l.selectIndex(q)
		require.NoError(t, err)
		require.NoError(t, e.read(t.Context(), func(c *conn) error {
			var steps []string
			err := c.query("EXPLAIN QUERY PLAN "+sql, func(row []driver.Value) error {
				steps = append(steps, row[3].(string))
				return nil
			}, args...)
			require.Len(t, steps, 1, "it sorts nothing: %q", steps)
			require.Contains(t, steps[0], "USING INDEX jobs by_state (@state=?")
			return err
		}))
	}
}

func TestAPageEndsAfterOneMegabyte(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	index := table.Index{Name: "by_owner", Hash: "owner", Projection: table.ProjectAll}
	require.NoError(t, e.CreateIndex(t.Context(), jobs(), index))
	const count = 9
	for i := range count {
		put(t, e, fmt.Sprint(i), table.Item{"owner": text("team"), "fill": text(strings.Repeat("x", 300_000))})
	}
	for name, read := range map[string]func(start table.Item) (table.Page, error){
		"scan": func(start table.Item) (table.Page, error) { return e.Scan(t.Context(), jobs(), start) },
		"query": func(start table.Item) (table.Page, error) {
			return e.Query(t.Context(), jobs(), table.Query{Index: index, Hash: text("team"), Limit: 100, After: start})
		},
	} {
		found := make(map[types.AttributeValue]bool)
		var start table.Item
		for pages := 1; ; pages++ {
			page, err := read(start)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Items), 4)
			for _, item := range page.Items {
				found[item["id"]] = true
			}
			if start = page.Next; start == nil {
				require.Equal(t, 3, pages, name)
				break
			}
		}
		require.Len(t, found, count, name)
	}
}
