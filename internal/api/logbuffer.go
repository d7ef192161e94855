package api

import (
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// LogBuffer gathers log lines and writes many at once, since a system call for
// each costs as much as some requests do. A line waits for a tenth of a second
// at most; a warning, or what is worse, not at all. It is a
// [zerolog.LevelWriter].
type LogBuffer struct {
	mu    sync.Mutex
	to    io.Writer
	lines []byte
	armed bool // a flush is due
}

const (
	flushAfter = 100 * time.Millisecond
	flushFrom  = 64 << 10 // bytes
)

// NewLogBuffer returns a buffer before w. Flush it at the end.
func NewLogBuffer(w io.Writer) *LogBuffer { return &LogBuffer{to: w} }

// Write takes a line of no known level.
func (b *LogBuffer) Write(line []byte) (int, error) { return b.WriteLevel(zerolog.NoLevel, line) }

// WriteLevel takes a line.
func (b *LogBuffer) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line...)
	urgent := level >= zerolog.WarnLevel && level < zerolog.NoLevel
	switch {
	case urgent, len(b.lines) >= flushFrom:
		return len(line), b.flush()
	case !b.armed:
		b.armed = true
		time.AfterFunc(flushAfter, func() { _ = b.Flush() }) // nobody to tell: it is the log
	}
	return len(line), nil
}

// Flush writes what has gathered. What can't be written is lost, so that a
// full disk does not become a full memory.
func (b *LogBuffer) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = false
	return b.flush()
}

func (b *LogBuffer) flush() error {
	if len(b.lines) == 0 {
		return nil
	}
	_, err := b.to.Write(b.lines)
	b.lines = b.lines[:0]
	return err
}
