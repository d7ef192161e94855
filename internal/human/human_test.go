package human

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTextCannotMoveTheCursorOrTurnTheLine(t *testing.T) {
	t.Parallel()
	require.Equal(t, `a\nb\x1b[2J\u202egnp\u009b\u2028`, Harmless("a\nb\x1b[2J\u202egnp\u009b\u2028"))
	require.Equal(t, `Übung 3/10 "ok" \ 🍕`, Harmless(`Übung 3/10 "ok" \ 🍕`))
}

func TestSpansAreSaidAsPeopleDo(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"0s": -time.Second, "59s": 59900 * time.Millisecond, "1m": 119 * time.Second, "3h": 3*time.Hour + 59*time.Minute,
		"47h": 47 * time.Hour, "2d": 48 * time.Hour,
	} {
		require.Equal(t, want, Span(d))
	}
}

func TestProgressIsWrittenAsFarAsItIsKnown(t *testing.T) {
	t.Parallel()
	ten, hundred, percent := 10.0, 100.0, 30.0
	require.Equal(t, "30% (3/10 epochs)", Progress(3, &ten, "epochs", &percent))
	require.Equal(t, "30% (3/10)", Progress(3, &ten, "", &percent))
	require.Equal(t, "30%", Progress(30, &hundred, "%", &percent))
	require.Equal(t, "42", Progress(42, nil, "%", nil))
	require.Equal(t, "3 epochs", Progress(3, nil, "epochs", nil))
	require.Equal(t, "100% (3 epochs)", Progress(3, nil, "epochs", &hundred), "of a success")
}
