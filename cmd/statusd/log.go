package main

import (
	"bytes"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/statusd/statusd/internal/api"
	"github.com/statusd/statusd/internal/config"
	"github.com/statusd/statusd/internal/model"
)

// newLog returns the log, and what writes out its last lines at the end.
func newLog(c config.Config, stderr io.Writer) (log zerolog.Logger, flush func()) {
	level, _ := zerolog.ParseLevel(c.LogLevel) // config has tested it
	stamped := func(w io.Writer) zerolog.Logger {
		return zerolog.New(w).Level(level).Hook(zerolog.HookFunc(stamp))
	}
	if c.LogFormat == "console" { // somebody watches
		return stamped(zerolog.SyncWriter(zerolog.ConsoleWriter{
			Out: stderr, TimeFormat: "15:04:05.000", NoColor: !isTerminal(stderr),
		})), func() {}
	}
	buffer := api.NewLogBuffer(stderr)
	return stamped(buffer), func() { _ = buffer.Flush() } // nobody to tell: it is the log
}

func stamp(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, model.FormatTime(time.Now()))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// complaints are what net/http has to say, as lines of the log.
type complaints struct{ log zerolog.Logger }

func (c complaints) Write(text []byte) (int, error) {
	c.log.Warn().Bytes("detail", bytes.TrimSpace(text)).Msg("a connection went wrong")
	return len(text), nil
}
