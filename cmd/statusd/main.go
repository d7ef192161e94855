// Command statusd is a pizza tracker for model training: workers report the
// status of their jobs over HTTP, and everybody else can see it.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// garbage is how much of it there may be, in percent of what is in use, before
// it is collected. The service keeps little, and each request leaves some: with
// Go's own 100 the collector takes a tenth of the processor's time. A GOGC in
// the environment has the last word.
const garbage = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-signals
		stop() // in an orderly way
		<-signals
		os.Exit(exitFailed) // at once
	}()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
