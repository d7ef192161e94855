package main

import (
	"context"
	"fmt"
	"time"
)

// options are how much is measured.
type options struct {
	rounds  int
	length  time.Duration
	streams int
}

// watching measures what it costs to watch: (d) memory, (e) time, (f) reads of
// the store. Each has columns of its own.
func watching(ctx context.Context, only string, o options) error {
	for _, part := range []struct {
		name    string
		measure func(*setting, context.Context, options) error
	}{{"d", (*setting).streams}, {"e", (*setting).broadcast}, {"f", (*setting).reads}} {
		if only != "" && only != part.name {
			continue
		}
		if err := measure(ctx, o, part.measure); err != nil {
			return fmt.Errorf("(%s): %w", part.name, err)
		}
	}
	return nil
}

// measure makes a measurement among nobody but its own processes.
func measure(ctx context.Context, o options, part func(*setting, context.Context, options) error) error {
	s, err := build(ctx)
	defer s.close()
	if err != nil {
		return err
	}
	return part(s, ctx, o)
}
