package store

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table"
	"github.com/statusd/statusd/internal/table/embedded"
)

// engine is a real engine whose calls are counted, and on which faults can be
// forced.
type engine struct {
	table.Engine
	mu    sync.Mutex
	calls map[string]int
	// before and after, if set, run around the next write or read of that
	// operation; an error stands for the call's answer.
	before, after map[string]func() error
}

func newEngine(t *testing.T) *engine {
	e, err := embedded.Open(filepath.Join(t.TempDir(), "statusd.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return &engine{Engine: e, calls: make(map[string]int),
		before: make(map[string]func() error), after: make(map[string]func() error)}
}

// once takes the hook of an operation out of its map.
func (e *engine) once(hooks map[string]func() error, operation string) error {
	e.mu.Lock()
	hook := hooks[operation]
	delete(hooks, operation)
	e.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook()
}

func (e *engine) enter(operation string) error {
	e.mu.Lock()
	e.calls[operation]++
	e.mu.Unlock()
	return e.once(e.before, operation)
}

// counted returns the calls since the last time it was asked.
func (e *engine) counted() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	calls := e.calls
	e.calls = make(map[string]int)
	return calls
}

func (e *engine) Put(ctx context.Context, s *table.Schema, w table.Put) error {
	if err := e.enter("put"); err != nil {
		return err
	}
	err := e.Engine.Put(ctx, s, w)
	return errors.Join(err, e.once(e.after, "put"))
}

func (e *engine) Get(ctx context.Context, s *table.Schema, key types.AttributeValue, consistent bool) (table.Item, error) {
	if err := e.enter("get"); err != nil {
		return nil, err
	}
	item, err := e.Engine.Get(ctx, s, key, consistent)
	return item, errors.Join(err, e.once(e.after, "get"))
}

func (e *engine) Update(ctx context.Context, s *table.Schema, u table.Update) (table.Item, error) {
	if err := e.enter("update"); err != nil {
		return nil, err
	}
	item, err := e.Engine.Update(ctx, s, u)
	return item, errors.Join(err, e.once(e.after, "update"))
}

func (e *engine) Delete(ctx context.Context, s *table.Schema, d table.Delete) (table.Item, error) {
	if err := e.enter("delete"); err != nil {
		return nil, err
	}
	item, err := e.Engine.Delete(ctx, s, d)
	return item, errors.Join(err, e.once(e.after, "delete"))
}

func (e *engine) BatchGet(ctx context.Context, s *table.Schema, keys []types.AttributeValue, consistent bool) ([]table.Item, error) {
	if err := e.enter("batch"); err != nil {
		return nil, err
	}
	return e.Engine.BatchGet(ctx, s, keys, consistent)
}

func (e *engine) Query(ctx context.Context, s *table.Schema, q table.Query) (table.Page, error) {
	if err := e.enter("query"); err != nil {
		return table.Page{}, err
	}
	return e.Engine.Query(ctx, s, q)
}

// errLost is an answer that never came.
var errLost = &table.UnavailableError{Table: "jobs", Operation: "UpdateItem", Cause: errors.New("connection reset"), Uncertain: true}

func lose() error { return errLost }

// newStore returns a replica on the engine; several may share one.
func newStore(t *testing.T, e table.Engine, clock *testClock, change ...func(*Config)) *Store {
	config := Config{
		Table:   "jobs",
		Policy:  model.Policy{Retention: time.Hour, AbandonAfter: 24 * time.Hour},
		Silence: model.Silence{LateAfter: 2 * time.Minute, StaleAfter: 10 * time.Minute},
		Clock:   clock.Now,
	}
	for _, c := range change {
		c(&config)
	}
	s, err := New(e, config)
	require.NoError(t, err)
	require.NoError(t, s.CreateTable(t.Context()))
	return s
}

// apply reports and expects that nothing fails.
func apply(t *testing.T, s *Store, id string, u model.Update) Result {
	t.Helper()
	result, err := s.Apply(t.Context(), id, u, When{})
	require.NoError(t, err)
	return result
}

// report is an update in few words.
func report(status model.Status, attempt int64, current float64) model.Update {
	u := model.Update{Status: status, Attempt: attempt}
	if current > 0 {
		u.Progress = &model.Progress{Current: current}
	}
	return u
}

// stored reads the record as any other replica would.
func stored(t *testing.T, e table.Engine, clock *testClock, id string) *Snapshot {
	t.Helper()
	s, err := New(e, Config{Table: "jobs", Clock: clock.Now})
	require.NoError(t, err)
	found, err := s.Get(t.Context(), id)
	require.NoError(t, err)
	return found
}
