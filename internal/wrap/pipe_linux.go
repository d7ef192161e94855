package wrap

import (
	"os"

	"golang.org/x/sys/unix"
)

// pipeBytes is as much as anybody may have in a pipe.
const pipeBytes = 1 << 20

// widen gives a pipe more room, so that a command does not wait for us. Where
// it can't be had, the usual 64 KiB do as well.
func widen(pipe *os.File) { _, _ = unix.FcntlInt(pipe.Fd(), unix.F_SETPIPE_SZ, pipeBytes) }
