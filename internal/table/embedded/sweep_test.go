package embedded

import (
	"fmt"
	"testing"
	"time"

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
	release := hold(t, e)
	done := make(chan struct{})
	const each = 800 // more rows than one step looks at
	go func() {
		defer close(done)
		for i := range each {
			for name, more := range map[string]table.Item{
				"dead": {"ends": number(past)}, "live": {"ends": number(future)}, "ever": nil, "odd": {"ends": text("never")},
			} {
				put(t, e, fmt.Sprint(name, i), more)
			}
		}
	}()
	release()
	<-done
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
	for i := range count {
		put(t, e, fmt.Sprint(i), table.Item{"owner": text("team"), "at": number(i)})
	}
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
