// Command statusd is a pizza tracker for model training: workers report the
// status of their jobs over HTTP, and everybody else can see it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// ballast is memory that is never touched, and so never there. It makes the
// collector count the heap as so much larger, and let that much garbage gather:
// the service keeps little, and each request leaves some, so that it would
// collect without end. A GOGC in the environment has the last word.
var ballast []byte

func main() {
	if os.Getenv("GOGC") == "" {
		ballast = make([]byte, 16<<20)
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
