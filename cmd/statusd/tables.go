package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/statusd/statusd/internal/config"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/table"
)

// onTable runs a command on the table.
func onTable(ctx context.Context, c config.Config, do func(s *store.Store) error) error {
	s, closeStore, err := openStore(ctx, c, func(table.Call) {})
	if err != nil {
		return err
	}
	return errors.Join(do(s), closeStore())
}

func tableCreate(ctx context.Context, c config.Config, _ []string, stdout, _ io.Writer) error {
	return onTable(ctx, c, func(s *store.Store) error {
		if err := s.CreateTable(ctx); err != nil {
			return err
		}
		_, err := fmt.Fprintf(stdout, "table %s is ready\n", c.Table)
		return err
	})
}

func tableMigrate(ctx context.Context, c config.Config, _ []string, stdout, stderr io.Writer) error {
	return onTable(ctx, c, func(s *store.Store) error {
		if _, err := describe(ctx, c, s); err != nil { // a mistyped name makes no table
			return err
		}
		if err := s.CreateTable(ctx); err != nil { // the indexes that it lacks
			return err
		}
		m, err := s.Migrate(ctx, func(m store.Migration) {
			fmt.Fprintf(stderr, "%d records seen, %d carried over\n", m.Seen(), m.Carried)
		})
		if err != nil {
			return fmt.Errorf("after %d records: %w; it may be run again", m.Seen(), err)
		}
		for _, unreadable := range m.Unreadable {
			fmt.Fprintln(stderr, unreadable)
		}
		_, err = fmt.Fprintf(stdout, "%d records carried over, %d were in the present layout, %d were written meanwhile, %d can't be read\n",
			m.Carried, m.Current, m.Overtaken, len(m.Unreadable))
		return err
	})
}

func tableDescribe(ctx context.Context, c config.Config, _ []string, stdout, _ io.Writer) error {
	return onTable(ctx, c, func(s *store.Store) error {
		d, err := describe(ctx, c, s)
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintf(t, "table\t%s, %s\n", d.Table, d.Status)
		fmt.Fprintf(t, "key\t%s (%s)\n", d.Key.Name, d.Key.Type)
		fmt.Fprintf(t, "records\tabout %d, %d bytes\n", d.Items, d.Bytes)
		fmt.Fprintf(t, "time to live\t%s\n", cmp.Or(d.TTL, "off"))
		for _, i := range d.Indexes {
			fmt.Fprintf(t, "index\t%s, %s\n", i.Index, i.Status)
		}
		return t.Flush()
	})
}
