package wrap

import (
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// plain has a terminal pass on what is written to it as it is: ours does the
// rest. Should that fail, line ends are doubled.
func plain(terminal *os.File) { _, _ = term.MakeRaw(int(terminal.Fd())) }

// inForeground tells whether the keys of a terminal that signal are for us.
func inForeground(terminal *os.File) bool {
	group, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
