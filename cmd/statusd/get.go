package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/statusd/statusd/client"
	"github.com/statusd/statusd/internal/human"
)

// getJob tells a person of one job.
func getJob(ctx context.Context, call clientCall) error {
	a := call.asking("get")
	asJSON := a.set.Bool("json", false, "print the record as the service sends it")
	within := a.set.Duration("timeout", lookFor, "how `long` to try")
	ids, err := a.parse("ID")
	if err != nil {
		return err
	}
	var r client.Record
	if err := a.look(ctx, *within, func(ctx context.Context, c *client.Client) (err error) {
		r, err = c.Get(ctx, ids[0])
		return err
	}); err != nil {
		return err
	}
	text := sheetOf(r, time.Now())
	if *asJSON {
		text = string(r.JSON()) + "\n"
	}
	_, err = fmt.Fprint(a.stdout, text)
	return err
}

// sheet is what is told of a job, a line for each thing.
type sheet struct{ strings.Builder }

// row adds lines under one name, but for empty ones.
func (s *sheet) row(name string, lines ...string) {
	for _, text := range lines {
		if text = strings.TrimRight(text, " \r\n"); text != "" {
			fmt.Fprintf(s, "%-10s%s\n", name, human.Harmless(strings.ReplaceAll(text, "\t", "    ")))
			name = ""
		}
	}
}

// sheetOf is all that there is to know about a job.
func sheetOf(r client.Record, now time.Time) string {
	moment := func(t time.Time) string { return ago(t, now) + ", " + local(t) }
	var s sheet
	s.row("job", r.RequestID)
	s.row("status", string(r.Status))
	s.row("attempt", fmt.Sprint(r.Attempt))
	switch {
	case r.Liveness == client.Live:
		s.row("liveness", "live")
	case !r.Terminal:
		s.row("liveness", seenOf(r, now))
	}
	s.row("progress", spaced(barOf(r, 20), leftOf(r, now)))
	s.row("message", strings.Split(r.Message, "\n")...)
	s.row("cancel", askedOf(r, now))
	if r.Error != nil {
		s.row("error", append([]string{codeOf(*r.Error)}, strings.Split(r.Error.Message, "\n")...)...)
	}
	s.row("owner", r.Owner)
	var metadata []string
	for _, key := range slices.Sorted(maps.Keys(r.Metadata)) {
		metadata = append(metadata, key+" = "+r.Metadata[key])
	}
	s.row("metadata", metadata...)
	if start, ok := startOf(r); ok {
		s.row("started", moment(start))
	}
	if r.Terminal {
		s.row("ended", spaced(moment(r.Timestamp), tookOf(r)))
	} else {
		s.row("reported", moment(r.UpdatedAt))
	}
	s.row("history", historyOf(r)...)
	return s.String()
}

// local is a time on this machine's clock.
func local(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

// historyOf is the latest of a job's history, oldest first.
func historyOf(r client.Record) (lines []string) {
	const most = 6
	entries := r.History
	if earlier := len(entries) - most; earlier > 0 {
		entries = entries[earlier:]
		lines = append(lines, fmt.Sprintf("(%d earlier)", earlier))
	}
	for _, e := range entries {
		lines = append(lines, spaced(local(e.Timestamp), string(e.Status), attemptOf(e.Attempt), wrongOf(e.Error), e.Message))
	}
	return lines
}
