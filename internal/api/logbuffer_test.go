package api

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestLogLinesAreWrittenTogetherButSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := NewLogBuffer(&out)
		log := zerolog.New(b)
		log.Info().Msg("one")
		log.Info().Msg("two")
		require.Empty(t, out.String())
		time.Sleep(flushAfter)
		synctest.Wait()
		require.Equal(t, 2, strings.Count(out.String(), "\n"))

		log.Info().Msg("three")
		log.Error().Msg("four")
		require.Equal(t, 4, strings.Count(out.String(), "\n"), "an error does not wait, and keeps its place")

		log.Info().Msg("five")
		require.NoError(t, b.Flush())
		require.Equal(t, 5, strings.Count(out.String(), "\n"))
		time.Sleep(flushAfter)
		synctest.Wait()
		require.Equal(t, 5, strings.Count(out.String(), "\n"))
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
	require.Less(t, len(b.lines), flushFrom)
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
