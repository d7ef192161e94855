package model

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAStatusIsReadAsPeopleAndProgramsWriteIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Status{
		"started": Started, "STARTED": Started, "Started": Started,
		"in-progress": InProgress, "IN_PROGRESS": InProgress, "in progress": InProgress, "InProgress": InProgress,
		"success": Success, "SUCCESS": Success,
		"fail": Fail, "FAIL": Fail, "failed": Fail, "FAILED": Fail,
	} {
		got, ok := ParseStatus(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", " started", "start", "in--progress", "in.progress", "progress", "done", "failure", "ſtarted"} {
		_, ok := ParseStatus(text)
		require.False(t, ok, text)
	}
}

func TestOnlySuccessAndFailAreTerminal(t *testing.T) {
	t.Parallel()
	var terminal []Status
	for _, text := range Status("").Values() {
		if s := Status(text); s.Terminal() {
			terminal = append(terminal, s)
		}
	}
	require.Equal(t, []Status{Success, Fail}, terminal)
}

func FuzzParseStatus(f *testing.F) {
	for _, seed := range []string{"started", "IN_PROGRESS", "FAILED", "ſuccess", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		status, ok := ParseStatus(text)
		if !ok {
			require.Empty(t, status)
			return
		}
		require.Contains(t, status.Values(), string(status))
		again, ok := ParseStatus(string(status))
		require.True(t, ok)
		require.Equal(t, status, again)
	})
}
