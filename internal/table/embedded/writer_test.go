package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// hold stops the writer within a transaction until it is released, so that
// what comes meanwhile makes one batch.
func hold(t testing.TB, e *Engine) (release func()) {
	reached, stop := make(chan struct{}), make(chan struct{})
	go func() {
		_ = e.writer.do(context.Background(), &operation{alone: true, run: func(*conn) error {
			close(reached)
			<-stop
			return nil
		}})
	}()
	<-reached
	release = sync.OnceFunc(func() { close(stop) })
	t.Cleanup(release)
	return release
}

// queued waits until so many operations wait for the writer.
func queued(t testing.TB, e *Engine, n int) {
	require.Eventually(t, func() bool { return len(e.writer.queue) == n }, time.Minute, time.Millisecond)
}

func TestOperationsThatWaitShareOneCommit(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	release := hold(t, e)
	before := e.writer.commits.Load()
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() { put(t, e, fmt.Sprint(i), nil) })
	}
	queued(t, e, 64)
	release()
	group.Wait()
	require.Equal(t, int64(2), e.writer.commits.Load()-before, "the one that held it, and the batch")
}

func TestManyWritersIncrementOneRecordExactlyOnceEach(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	put(t, e, "a", nil)
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for version := 1; ; {
				_, err := e.Update(t.Context(), jobs(), bump("a", version))
				if err == nil {
					return
				}
				var failed *table.ConditionError
				require.ErrorAs(t, err, &failed)
				version, err = strconv.Atoi(failed.Found["version"].(*types.AttributeValueMemberN).Value)
				require.NoError(t, err)
			}
		})
	}
	group.Wait()
	require.Equal(t, number(65), get(t, e, "a")["version"])
}

func TestTheFailureOfOneDoesNotTouchTheOthersOfItsBatch(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	put(t, e, "a", nil)
	put(t, e, "b", nil)
	release := hold(t, e)
	outcomes := make(chan error, 3)
	update := func(u table.Update) {
		_, err := e.Update(t.Context(), jobs(), u)
		outcomes <- err
	}
	go update(bump("a", 1))
	queued(t, e, 1)
	go update(bump("a", 1)) // comes second
	queued(t, e, 2)
	go update(bump("b", 1))
	queued(t, e, 3)
	release()
	failures := 0
	for range 3 {
		var failed *table.ConditionError
		if err := <-outcomes; errors.As(err, &failed) {
			failures++
			require.Equal(t, number(2), failed.Found["version"])
		} else {
			require.NoError(t, err)
		}
	}
	require.Equal(t, 1, failures)
	require.Equal(t, number(2), get(t, e, "a")["version"])
	require.Equal(t, number(2), get(t, e, "b")["version"])
}

func TestACallerWhoHangsUpDoesNotTouchTheOthers(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	put(t, e, "a", nil)
	put(t, e, "b", nil)
	release := hold(t, e)
	ctx, cancel := context.WithCancel(t.Context())
	gone, stayed := make(chan error), make(chan error)
	go func() {
		_, err := e.Update(ctx, jobs(), bump("a", 1))
		gone <- err
	}()
	queued(t, e, 1)
	go func() {
		_, err := e.Update(t.Context(), jobs(), bump("b", 1))
		stayed <- err
	}()
	queued(t, e, 2)
	cancel()
	err := <-gone
	var away *table.UnavailableError
	require.ErrorAs(t, err, &away)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, away.Uncertain, "it was withdrawn before the writer had it")
	release()
	require.NoError(t, <-stayed)
	require.Equal(t, number(1), get(t, e, "a")["version"])
	require.Equal(t, number(2), get(t, e, "b")["version"])
}

func TestAFailedCommitIsOfUnknownOutcomeForAll(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk I/O error")
	for _, c := range []struct {
		name   string
		commit func(*conn) error
		left   int // the version that is found afterwards
	}{
		{"that did not reach the disk", func(*conn) error { return broken }, 1},
		{"that did", func(c *conn) error { return errors.Join(commit(c), broken) }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, _ := newEngine(t)
			put(t, e, "a", nil)
			release := hold(t, e)
			outcomes := make(chan error, 2)
			for range 2 {
				go func() {
					_, err := e.Update(t.Context(), jobs(), bump("a", 1))
					outcomes <- err
				}()
			}
			queued(t, e, 2)
			failures := 0
			e.writer.commit = func(w *conn) error { // the one that holds the writer fails, too
				if failures++; failures > 2 {
					return commit(w)
				}
				return c.commit(w)
			}
			release()
			for range 2 {
				var away *table.UnavailableError
				err := <-outcomes
				require.ErrorAs(t, err, &away)
				require.ErrorIs(t, err, broken)
				require.True(t, away.Uncertain)
			}
			require.Equal(t, number(c.left), get(t, e, "a")["version"])
			_, err := e.Update(t.Context(), jobs(), bump("a", c.left))
			require.NoError(t, err)
			require.Equal(t, number(c.left+1), get(t, e, "a")["version"])
		})
	}
}

// on executes a pragma on the writer's connection.
func on(t testing.TB, e *Engine, pragma string) (value any) {
	t.Helper()
	require.NoError(t, e.writer.do(t.Context(), &operation{alone: true, run: func(c *conn) error {
		row, err := c.one("PRAGMA " + pragma)
		if row != nil {
			value = row[0]
		}
		return err
	}}))
	return value
}

func TestTheEngineRecoversWhenTheDiskDoes(t *testing.T) {
	t.Parallel()
	for pragma, message := range map[string]string{
		"max_page_count = 1": "full", // SQLite takes the present size instead
		"query_only = ON":    "readonly",
	} {
		t.Run(message, func(t *testing.T) {
			t.Parallel()
			e, _ := newEngine(t)
			put(t, e, "a", nil)
			on(t, e, pragma)
			var err error
			for i := 0; err == nil; i++ {
				require.Less(t, i, 1000, "it fails at some time")
				item := table.Item{"id": text(fmt.Sprint("new-", i)), "fill": text(string(make([]byte, 10_000)))}
				err = e.Put(t.Context(), jobs(), table.Put{Item: item, Now: time.Now()})
			}
			var away *table.UnavailableError
			require.ErrorAs(t, err, &away)
			require.ErrorContains(t, err, message)
			require.False(t, away.Uncertain)
			require.Equal(t, number(1), get(t, e, "a")["version"], "what is there can be read")
			commits := e.writer.commits.Load()
			require.NoError(t, e.Ping(t.Context(), jobs()), "the writer has a new connection, without the limit")
			require.Equal(t, commits+1, e.writer.commits.Load(), "it was tried by writing")
			require.NoError(t, e.Ping(t.Context(), jobs()))
			require.Equal(t, commits+1, e.writer.commits.Load(), "and is not tried again")
			put(t, e, "b", nil)
			require.Equal(t, int64(2), on(t, e, "synchronous"), "the new connection syncs, too")
		})
	}
}

func TestAFileThatIsTakenAwayIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	e, path := newEngine(t)
	put(t, e, "a", nil)
	lost := errors.New("disk I/O error")
	require.ErrorIs(t, e.writer.do(t.Context(), &operation{run: func(*conn) error { return lost }}), lost)
	require.NoError(t, os.Rename(path, path+".away"))
	require.Error(t, e.writer.do(t.Context(), &operation{run: func(*conn) error { return nil }}), "it needs a new connection")
	require.NoFileExists(t, path)
	err := e.Put(t.Context(), jobs(), table.Put{Item: table.Item{"id": text("b")}, Now: time.Now()})
	require.ErrorIs(t, err, table.ErrUnavailable)
	require.ErrorIs(t, e.Ping(t.Context(), jobs()), table.ErrUnavailable)
	require.NoError(t, os.Rename(path+".away", path))
	require.NoError(t, e.Ping(t.Context(), jobs()))
	put(t, e, "b", nil)
	require.NotNil(t, get(t, e, "b"))
}

func TestAfterCloseAllIsRefused(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	require.NoError(t, e.Close())
	require.NoError(t, e.Close())
	_, err := e.Get(t.Context(), jobs(), text("a"), true)
	require.ErrorIs(t, err, table.ErrUnavailable)
	err = e.Put(t.Context(), jobs(), table.Put{Item: table.Item{"id": text("a")}, Now: time.Now()})
	require.ErrorIs(t, err, table.ErrUnavailable)
}

func TestCloseWaitsForTheWritesThatHaveBegun(t *testing.T) {
	t.Parallel()
	e, path := newEngine(t)
	release := hold(t, e)
	written := make(chan error)
	go func() {
		written <- e.Put(t.Context(), jobs(), table.Put{Item: table.Item{"id": text("a")}, Now: time.Now()})
	}()
	queued(t, e, 1)
	closed := make(chan error)
	go func() { closed <- e.Close() }()
	release()
	require.NoError(t, <-written)
	require.NoError(t, <-closed)
	require.NotNil(t, get(t, reopen(t, path), "a"))
}

func BenchmarkConditionalUpdates(b *testing.B) {
	e, _ := newEngine(b)
	const writers = 64
	for w := range writers {
		put(b, e, fmt.Sprint(w), table.Item{"state": text("in-progress#0"), "at": number(1)})
	}
	b.ResetTimer()
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range b.N / writers {
				_, err := e.Update(context.Background(), jobs(), bump(fmt.Sprint(w), n+1))
				require.NoError(b, err)
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
	b.ReportMetric(float64(b.N)/float64(e.writer.commits.Load()), "updates/commit")
}

func BenchmarkGet(b *testing.B) {
	e, _ := newEngine(b)
	put(b, e, "a", nil)
	for b.Loop() {
		get(b, e, "a")
	}
}
