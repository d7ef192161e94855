package oidctest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
)

// launch starts a program in a folder, and waits until it says that it is
// ready. What it returns ends the program.
func launch(ctx context.Context, folder, program string, args ...string) (stop func(), err error) {
	life, kill := context.WithCancel(context.Background())
	command := exec.CommandContext(life, program, args...)
	command.Dir = folder
	command.SysProcAttr = endWithParent()
	ready, ended := make(chan error, 2), make(chan struct{})
	go func() {
		// The kernel watches the thread that started the process, not the
		// program: it has to stay.
		runtime.LockOSThread()
		defer close(ended)
		attend(command, ready)
	}()
	stop = func() { kill(); <-ended }
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = fmt.Errorf("the OpenID provider does not get ready: %w", context.Cause(ctx))
	}
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// attend runs the provider until it ends, and tells whether it is ready: it
// says so then. (To ask its port could reach another one's.)
func attend(command *exec.Cmd, ready chan<- error) {
	var complaints strings.Builder
	command.Stderr = &complaints
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		ready <- fmt.Errorf("the OpenID provider takes Node, and what `make tools` fetches: %w", err)
		return
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "ready" {
			ready <- nil
			_, _ = io.Copy(io.Discard, out)
		}
	}
	err = command.Wait() // only then are its complaints complete
	ready <- fmt.Errorf("the OpenID provider has ended; is there what `make tools` fetches? %w: %s", err, &complaints)
}
