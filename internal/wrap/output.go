package wrap

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// stream is the way of the command's output to where ours goes. It ends in a
// terminal if ours is one, so that the command sees what it would see.
type stream struct {
	from, command, to *os.File
	terminal          bool
	taps              []func([]byte) // each sees what has passed, and must be quick
	done              chan struct{}
	arrived           atomic.Int64 // when something last came, in Unix nanoseconds
	passing           atomic.Bool  // something that came is not written yet
}

// newStream returns a way to a file.
func newStream(to *os.File, taps ...func([]byte)) (*stream, error) {
	s := &stream{to: to, taps: taps, done: make(chan struct{}), terminal: term.IsTerminal(int(to.Fd()))}
	var err error
	if s.terminal {
		if s.from, s.command, err = pty.Open(); err == nil {
			plain(s.command)
			s.resize()
		}
	} else {
		s.from, s.command, err = os.Pipe()
	}
	return s, err
}

// sameFile tells whether two files are one, as after 2>&1. What is written to
// them has an order, which two streams would not keep.
func sameFile(a, b *os.File) bool {
	as, err := a.Stat()
	if err != nil {
		return false
	}
	bs, err := b.Stat()
	return err == nil && os.SameFile(as, bs)
}

// resize gives the command's terminal the size of ours.
func (s *stream) resize() {
	if s.terminal {
		_ = pty.InheritSize(s.to, s.from) // without it, lines break elsewhere
	}
}

// copy passes on what comes, until nobody can write any more.
func (s *stream) copy() {
	defer close(s.done)
	buffer := make([]byte, 64<<10)
	for {
		n, err := s.from.Read(buffer)
		if n > 0 {
			s.passing.Store(true)
			s.arrived.Store(time.Now().UnixNano())
			_, lost := s.to.Write(buffer[:n])
			s.passing.Store(false)
			if errors.Is(lost, syscall.EPIPE) {
				s.from.Close() // and the command learns that nobody reads
				return
			}
			for _, tap := range s.taps {
				tap(buffer[:n])
			}
		}
		if err != nil {
			return
		}
	}
}

// lull is how long nothing has to come after the command's end before what
// holds its output open, such as something it left in the background, is not
// waited for.
const lull = 300 * time.Millisecond

// drain waits for what is still on its way.
func (s *stream) drain() {
	s.arrived.Store(max(s.arrived.Load(), time.Now().UnixNano()))
	for {
		select {
		case <-s.done:
			return
		case <-time.After(lull / 10):
			if !s.passing.Load() && time.Since(time.Unix(0, s.arrived.Load())) > lull {
				return
			}
		}
	}
}
