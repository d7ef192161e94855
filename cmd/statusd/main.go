// Command statusd is a pizza tracker for model training: workers report the
// status of their jobs over HTTP, and everybody else can see it.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// ballastBytes of memory are never touched, and so never there. They make the
// collector count the heap as so much larger, and let that much garbage gather:
// the service keeps little, and each request leaves some, so that it would
// collect without end. A GOGC in the environment has the last word.
const ballastBytes = 16 << 20

func main() {
	var ballast []byte
	if os.Getenv("GOGC") == "" {
		ballast = make([]byte, ballastBytes)
	}
	ctx, stop := context.WithCancel(context.Background())
	if len(os.Args) < 2 || os.Args[1] != "run" { // whose signals are for what it runs
		signals := make(chan os.Signal, 2)
		signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
		go func() {
			<-signals
			stop() // in an orderly way
			<-signals
			os.Exit(exitFailed) // at once
		}()
	}
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	runtime.KeepAlive(ballast)
	os.Exit(code)
}
