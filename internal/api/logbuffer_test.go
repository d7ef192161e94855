package api

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestLogLinesAreWrittenTogetherButSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		written := 0
		var mu sync.Mutex
		b := NewLogBuffer(writer(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			written += bytes.Count(p, []byte("\n"))
			return len(p), nil
		}))
		lines := func() int {
			mu.Lock()
			defer mu.Unlock()
			return written
		}
		log := zerolog.New(b)
		log.Info().Msg("one")
		log.Info().Msg("two")
		require.Zero(t, lines())
		time.Sleep(flushAfter)
		synctest.Wait()
		require.Equal(t, 2, lines())

		log.Info().Msg("three")
		log.Error().Msg("four")
		require.Equal(t, 4, lines(), "an error does not wait, and keeps its place")

		log.Info().Msg("five")
		require.NoError(t, b.Flush())
		require.Equal(t, 5, lines())
		time.Sleep(flushAfter)
		synctest.Wait()
		require.Equal(t, 5, lines())
	})
}

func TestLogBufferDoesNotGrow(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left")
	b := NewLogBuffer(writer(func([]byte) (int, error) { return 0, full }))
	line := []byte(strings.Repeat("x", 1000) + "\n")
	var err error
	for range 1000 {
		if _, e := b.Write(line); e != nil {
			err = e
		}
	}
	require.ErrorIs(t, err, full)
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Less(t, len(b.lines), flushFrom)
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
