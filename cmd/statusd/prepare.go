package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/statusd/statusd/internal/config"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/table"
)

// patience is how long a store that is away at the start is waited for.
var patience = 30 * time.Second

// prepare makes the table be there, or sees that it is. A store that is away is
// asked again, one that refuses is not.
func prepare(ctx context.Context, c config.Config, s *store.Store, log zerolog.Logger) error {
	deadline := time.Now().Add(patience)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := prepareOnce(ctx, c, s)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, store.ErrUnavailable), refused(err):
			return err
		case time.Until(deadline) < pause:
			return fmt.Errorf("the store did not answer within %s: %w", patience, err)
		}
		log.Warn().Err(err).Msg("the store does not answer yet")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// prepareOnce asks the store for its table before it makes one: an answer has
// to come soon, but a new index of a large table may take its time.
func prepareOnce(ctx context.Context, c config.Config, s *store.Store) error {
	soon, cancel := context.WithTimeout(ctx, c.RequestTimeout)
	defer cancel()
	d, err := describe(soon, c, s)
	switch {
	case c.CreateTable && (err == nil || errors.Is(err, store.ErrNotFound)):
		return s.CreateTable(ctx)
	case err != nil:
		return err
	}
	if err := s.Check(d); err != nil {
		return fmt.Errorf("%w; statusd table create adds indexes that are missing", err)
	}
	return nil
}

// describe tells what the table is like. A noTableError if it is not there.
func describe(ctx context.Context, c config.Config, s *store.Store) (table.Description, error) {
	d, err := s.Describe(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return d, noTableError(c.Table)
	}
	return d, err
}

// noTableError is a table that is not there, by its name.
type noTableError string

func (e noTableError) Error() string {
	return fmt.Sprintf("there is no table %s; statusd table create makes it", string(e))
}

func (e noTableError) Unwrap() error { return store.ErrNotFound }
