package oidctest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatIsMissingIsSaidHowToGet(t *testing.T) {
	t.Parallel()
	_, err := launch(t.Context(), filepath.Join(t.TempDir(), "nothing"), "sh", "-c", "exit")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "make tools")
	_, err = launch(t.Context(), t.TempDir(), "no-such-node")
	require.ErrorIs(t, err, exec.ErrNotFound)
	require.ErrorContains(t, err, "takes Node")

	program, err := filepath.Abs("provider.mjs")
	require.NoError(t, err)
	_, err = launch(t.Context(), t.TempDir(), "node", program, "1", "{}")
	require.ErrorContains(t, err, "make tools")
	require.ErrorContains(t, err, "Cannot find module 'oidc-provider'")
}

func TestAProviderThatNeverGetsReadyIsGivenUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := launch(ctx, t.TempDir(), "sh", "-c", "echo starting; exec sleep 60")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestAPortThatIsTakenIsSaid(t *testing.T) {
	t.Parallel()
	p := Start(t, time.Hour)
	second := *p
	require.ErrorContains(t, second.resume(), "EADDRINUSE", "Start tries another one then")
}
