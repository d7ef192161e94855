package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/statusd/statusd/client"
	"github.com/statusd/statusd/internal/human"
)

// listJobs tells a person of many jobs.
func listJobs(ctx context.Context, call clientCall) error {
	const usual = 50
	a := call.asking("list")
	var q client.Query
	a.set.Func("status", "only jobs of this `status`; may be given several times", func(text string) error {
		q.Status = append(q.Status, client.Status(text))
		return nil
	})
	a.set.StringVar(&q.Owner, "owner", "", "only jobs of this `owner`")
	a.set.Func("liveness", "only running jobs that are `live`, stalled, late or stale", func(text string) error {
		q.Liveness = client.Liveness(text)
		return nil
	})
	limit := a.set.Int("limit", usual, "at most so `many`, the newest")
	asJSON := a.set.Bool("json", false, "print a record a line, as the service sends them")
	within := a.set.Duration("timeout", lookFor, "how `long` to try")
	switch _, err := a.parse(); {
	case err != nil:
		return err
	case *limit < 1:
		return usageError{errors.New("the limit must be above 0")}
	}
	q.Limit = *limit + 1 // which shows whether there are more
	var records []client.Record
	more := false
	if err := a.look(ctx, *within, func(ctx context.Context, c *client.Client) error {
		for r, err := range c.List(ctx, q) {
			if err != nil {
				return err
			}
			if more = len(records) == *limit; more {
				break
			}
			records = append(records, r)
		}
		return nil
	}); err != nil {
		return err
	}
	text := a.table(records, time.Now())
	if *asJSON {
		var lines strings.Builder
		for _, r := range records {
			fmt.Fprintf(&lines, "%s\n", r.JSON())
		}
		text = lines.String()
	}
	_, err := fmt.Fprint(a.stdout, text)
	switch {
	case more:
		fmt.Fprintf(a.stderr, "statusd: there are more than these %d; --limit says how many to show\n", *limit)
	case len(records) == 0:
		fmt.Fprintln(a.stderr, "statusd: there are no such jobs")
	}
	return err
}

// table has a line for each job, cut to the terminal if there is one.
func (c clientCall) table(records []client.Record, now time.Time) string {
	if len(records) == 0 {
		return ""
	}
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "JOB\tSTATUS\tPROGRESS\tLAST SEEN\tOWNER\tMESSAGE")
	for _, r := range records {
		status := string(r.Status)
		if again := attemptOf(r.Attempt); again != "" {
			status += ", " + again
		}
		for _, cell := range []string{r.RequestID, status, progressOf(r), seenOf(r, now), r.Owner} {
			fmt.Fprint(t, human.Harmless(cell), "\t")
		}
		fmt.Fprintln(t, spaced(askedOf(r, now), wrongOf(r.Error), r.Message))
	}
	_ = t.Flush() // to memory
	terminal := c.terminal()
	if terminal == nil {
		return b.String()
	}
	var lines strings.Builder
	for text := range strings.Lines(b.String()) {
		lines.WriteString(cut(strings.TrimRight(text, " \n"), columnsOf(terminal)) + "\n")
	}
	return lines.String()
}
