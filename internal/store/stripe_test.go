package store

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAWriterWaitsForItsTurnAtMostAsLongAsItsContext(t *testing.T) {
	t.Parallel()
	s := newStriped().of("job")
	unlock, err := s.lock(t.Context())
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, err := s.lock(ctx)
		gaveUp <- err
	}()
	cancel()
	require.ErrorIs(t, <-gaveUp, context.Canceled)

	unlock()
	unlock, err = s.lock(t.Context())
	require.NoError(t, err)
	unlock()
}
