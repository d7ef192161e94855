package watch

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/table"
	"github.com/statusd/statusd/internal/table/embedded"
)

// uncertain is an engine that makes one update after its caller has gone.
type uncertain struct {
	table.Engine
	cancel func() // once
	late   chan func()
}

func (u *uncertain) Update(ctx context.Context, s *table.Schema, x table.Update) (table.Item, error) {
	cancel := u.cancel
	if cancel == nil {
		return u.Engine.Update(ctx, s, x)
	}
	u.cancel = nil
	cancel()
	u.late <- func() { _, _ = u.Engine.Update(context.WithoutCancel(ctx), s, x) }
	return nil, &table.UnavailableError{Table: "jobs", Operation: "UpdateItem", Cause: errors.New("slow"), Uncertain: true}
}

func TestAWriteThatNobodyWaitedForIsTold(t *testing.T) {
	t.Parallel()
	inner, err := embedded.Open(filepath.Join(t.TempDir(), "statusd.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, inner.Close()) })
	e := &uncertain{Engine: inner, late: make(chan func(), 1)}
	a, err := store.New(e, store.Config{Table: "jobs", Exclusive: true})
	require.NoError(t, err)
	require.NoError(t, a.CreateTable(t.Context()))
	w := New(a, polled)
	report(t, a, model.Started)
	one := subscribe(t, w, "job")
	defer one.Close()
	one.first()
	ctx, cancel := context.WithCancel(t.Context())
	e.cancel = cancel
	_, err = a.Apply(ctx, "job", model.Update{Status: model.Success, Attempt: 1}, store.When{})
	require.Error(t, err)
	time.Sleep(5 * polled.Freshness)
	require.Nil(t, one.Next(), "it has not happened yet")
	(<-e.late)()
	require.Eventually(t, func() bool {
		next := one.Next()
		return next != nil && next.Snapshot.Status == model.Success
	}, 10*time.Second, time.Millisecond)
	// Once there is no doubt, nothing is read any more.
	one.topic.mu.Lock()
	one.topic.doubted = time.Now()
	one.topic.mu.Unlock()
	require.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return !w.polling
	}, 10*time.Second, time.Millisecond)
}
