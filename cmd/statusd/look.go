package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/statusd/statusd/client"
	"github.com/statusd/statusd/internal/human"
)

// The exit codes of commands that ask for people, besides those of all.
const (
	exitUnknown     = 3 // how a job ends that is watched
	exitInterrupted = 130
)

// lookFor is how long get, list and cancel try, unless somebody says else: as
// long as a service takes that waits for its store.
const lookFor = 10 * time.Second

// place is where the service is, without a password.
func (a *asking) place() string {
	at, err := url.Parse(cmp.Or(a.config().Server, client.DefaultServer))
	if err != nil {
		return "the service" // which client.New has refused
	}
	return at.Redacted()
}

// look asks the service within that time, and tells whoever waits that it does
// not answer.
func (a *asking) look(ctx context.Context, within time.Duration, ask func(context.Context, *client.Client) error) error {
	if within <= 0 {
		return usageError{errors.New("the timeout must be above 0")}
	}
	told := false
	c, err := a.client(func(err error) {
		if !told && err != nil {
			told = true
			fmt.Fprintf(a.stderr, "statusd: no answer yet, trying for %s: %s\n", within, human.Harmless(err.Error()))
		}
	})
	if err != nil {
		return usageError{err}
	}
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err = ask(limited, c)
	if err != nil && ctx.Err() != nil {
		return exitError(exitInterrupted)
	}
	return a.failure(err)
}

// failure is an error as people are to read it: what the service says, or else
// which service does not.
func (a *asking) failure(err error) error {
	var no *client.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, client.NotFound):
		return errors.New("there is no such job at " + a.place())
	case errors.As(err, &no) && no.Code != "":
		return errors.New(human.Harmless(err.Error()))
	case errors.Is(err, context.DeadlineExceeded):
		err = errors.New("no answer in time")
	}
	text := a.place() + ": " + human.Harmless(err.Error())
	if a.config().Server == "" {
		text += " (STATUSD_SERVER is not set)"
	}
	return errors.New(text)
}
