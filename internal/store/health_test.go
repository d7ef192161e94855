package store

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// testClock is a clock that stands until it is moved.
type testClock struct{ now atomic.Int64 }

func newTestClock() *testClock {
	c := new(testClock)
	c.now.Store(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	return c
}

func (c *testClock) Now() time.Time          { return time.Unix(0, c.now.Load()).UTC() }
func (c *testClock) advance(d time.Duration) { c.now.Add(int64(d)) }

var errAway = &table.UnavailableError{Table: "t", Operation: "GetItem", Cause: errors.New("away")}

func TestAnOutageOfTheStoreRestartsTheSilenceOfAllJobs(t *testing.T) {
	t.Parallel()
	clock := newTestClock()
	h := newHealth(clock.Now)
	clock.advance(20 * time.Second)
	h.note(t.Context(), errAway)
	clock.advance(time.Second)
	h.note(t.Context(), nil)
	start := clock.Now()
	require.Equal(t, start, h.servingSince(), "it could not serve before the store answered")

	clock.advance(time.Hour)
	h.note(t.Context(), nil)
	require.Equal(t, start, h.servingSince(), "answering is no news")

	h.note(t.Context(), errAway)
	clock.advance(outage / 2)
	h.note(t.Context(), nil)
	require.Equal(t, start, h.servingSince(), "one lost connection is no outage")

	h.note(t.Context(), errAway)
	clock.advance(10 * time.Minute)
	require.Equal(t, clock.Now(), h.servingSince(), "while it lasts, silence is ours")
	h.note(t.Context(), errAway)
	clock.advance(time.Minute)
	h.note(t.Context(), table.ErrNotFound)
	require.Equal(t, clock.Now(), h.servingSince())
}

func TestACallerWhoGaveUpSaysNothingAboutTheStore(t *testing.T) {
	t.Parallel()
	clock := newTestClock()
	h := newHealth(clock.Now)
	h.note(t.Context(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.note(ctx, errAway)
	require.NoError(t, h.ready(t.Context(), func(context.Context) error { return errors.New("asked") }))
}

func TestReadinessAsksTheStoreOnceASecond(t *testing.T) {
	t.Parallel()
	clock := newTestClock()
	h := newHealth(clock.Now)
	asked := 0
	var answer error
	ping := func(context.Context) error { asked++; return answer }

	require.NoError(t, h.ready(t.Context(), ping), "the first question is asked")
	require.NoError(t, h.ready(t.Context(), ping))
	require.Equal(t, 1, asked)

	clock.advance(readyFor)
	answer = errAway
	require.ErrorIs(t, h.ready(t.Context(), ping), ErrUnavailable)
	require.ErrorIs(t, h.ready(t.Context(), ping), ErrUnavailable)
	require.Equal(t, 2, asked)

	h.note(t.Context(), nil)
	require.NoError(t, h.ready(t.Context(), ping), "any call that is answered is a sign of life")
	require.Equal(t, 2, asked)
}
