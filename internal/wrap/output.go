package wrap

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
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
	} else if s.from, s.command, err = os.Pipe(); err == nil {
		widen(s.command)
	}
	if err == nil {
		s.from, err = unpolled(s.from)
	}
	return s, err
}

// unpolled is a file that is read by a thread that waits for it. The runtime's
// poller would wake at each write, whether or not anybody reads.
func unpolled(file *os.File) (*os.File, error) {
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	return os.NewFile(uintptr(fd), file.Name()), err
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

// A command that writes little, but often, would have us wake for each line of
// it, and take of the processor what is the command's. What comes in less than
// often after the last is passed on together with what comes within together:
// no eye sees that, and the pipe is wide enough for the command not to wait.
const (
	little   = 4 << 10 // bytes
	often    = 40 * time.Millisecond
	together = 20 * time.Millisecond
)

// copy passes on what comes, until nobody can write any more.
func (s *stream) copy() {
	defer close(s.done)
	buffer := make([]byte, 64<<10)
	for {
		n, err := s.from.Read(buffer)
		if n > 0 {
			s.passing.Store(true)
			now := time.Now()
			busy := now.Sub(time.Unix(0, s.arrived.Swap(now.UnixNano()))) < often
			_, lost := s.to.Write(buffer[:n])
			s.passing.Store(false)
			if errors.Is(lost, syscall.EPIPE) {
				s.from.Close() // and the command learns that nobody reads
				return
			}
			for _, tap := range s.taps {
				tap(buffer[:n])
			}
			if busy && n < little && !s.terminal { // whose own room is small
				time.Sleep(together)
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
