package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"

	"github.com/statusd/statusd/client"
	"github.com/statusd/statusd/internal/human"
)

// What is told of a job comes from whoever reports it: it has to pass
// human.Harmless before it is printed.

// spaced joins what is not empty.
func spaced(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	return human.Harmless(strings.Join(parts, "  "))
}

// lineOf tells of a job what a person would care about.
func lineOf(r client.Record, now time.Time) string {
	return spaced(r.RequestID, string(r.Status), attemptOf(r.Attempt), progressOf(r), leftOf(r, now), seenOf(r, now), tookOf(r),
		askedOf(r, now), wrongOf(r.Error), r.Message)
}

func attemptOf(attempt int64) string {
	if attempt > 1 {
		return fmt.Sprintf("attempt %d", attempt)
	}
	return ""
}

// progressOf is empty if there is none.
func progressOf(r client.Record) string {
	p := r.Progress
	switch {
	case p == nil:
		return ""
	case p.Total == 0:
		return human.Progress(p.Current, nil, p.Unit, p.Percent)
	}
	return human.Progress(p.Current, &p.Total, p.Unit, p.Percent)
}

// barOf is progressOf behind a bar of that many characters, if there can be one.
func barOf(r client.Record, characters int) string {
	text := progressOf(r)
	if r.Progress == nil || r.Progress.Percent == nil {
		return text
	}
	full := min(max(int(*r.Progress.Percent/100*float64(characters)), 0), characters)
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", characters-full) + "] " + text
}

// leftOf is empty where it can't be told, or where nothing goes on.
func leftOf(r client.Record, now time.Time) string {
	if r.Liveness == client.Live && r.ETA.After(now) {
		return "about " + human.Span(r.ETA.Sub(now)) + " left"
	}
	return ""
}

// seenOf tells how a running job looks by what it reported, and of another when
// it ended.
func seenOf(r client.Record, now time.Time) string {
	switch {
	case r.Terminal:
		return "ended " + ago(r.Timestamp, now)
	case r.Liveness == client.Late || r.Liveness == client.Stale:
		return fmt.Sprintf("%s: silent for %s", r.Liveness, human.Span(now.Sub(r.UpdatedAt)))
	case r.Liveness == client.Stalled && r.Progress != nil:
		return fmt.Sprintf("%s: no progress for %s", r.Liveness, human.Span(now.Sub(r.Progress.AdvancedAt)))
	}
	return "reported " + ago(r.UpdatedAt, now)
}

func ago(t, now time.Time) string { return human.Span(now.Sub(t)) + " ago" }

// startOf is when the attempt began, if that is known: lists have no history,
// and some jobs report their end alone.
func startOf(r client.Record) (start time.Time, ok bool) {
	for _, entry := range r.History {
		if entry.Attempt == r.Attempt {
			return entry.Timestamp, entry.Status != client.Success && entry.Status != client.Fail
		}
	}
	return time.Time{}, false
}

func tookOf(r client.Record) string {
	if start, ok := startOf(r); ok && r.Terminal {
		return "took " + human.Span(r.Timestamp.Sub(start))
	}
	return ""
}

func askedOf(r client.Record, now time.Time) string {
	if r.CancelRequestedAt.IsZero() {
		return ""
	}
	text := "asked to stop " + ago(r.CancelRequestedAt, now)
	if r.CancelReason != "" {
		text += ": " + r.CancelReason
	}
	return text
}

// codeOf is like "OOM (exit code 137)".
func codeOf(f client.Failure) string {
	if f.ExitCode == nil {
		return f.Code
	}
	return strings.TrimSpace(fmt.Sprintf("%s (exit code %d)", f.Code, *f.ExitCode))
}

// wrongOf is why a job failed, of many lines the last one, in which programs
// mostly say it.
func wrongOf(f *client.Failure) string {
	if f == nil {
		return ""
	}
	code, message := codeOf(*f), strings.TrimSpace(f.Message)
	if at := strings.LastIndexAny(message, "\r\n"); at >= 0 {
		message = "... " + strings.TrimSpace(message[at+1:])
	}
	if code == "" || message == "" {
		return code + message
	}
	return code + ": " + message
}

// terminal is what is written to, if that is a terminal that can move its
// cursor, or else nil.
func (c clientCall) terminal() *os.File {
	if file, ok := c.stdout.(*os.File); ok && c.getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

// columnsOf is how wide a terminal is.
func columnsOf(terminal *os.File) int {
	columns, _, _ := term.GetSize(int(terminal.Fd()))
	return cmp.Or(columns, 80) // some don't know
}

// cut returns as much of a text as takes no more than these columns.
func cut(text string, columns int) string {
	const mark = "..."
	used, fits := 0, 0 // fits with the mark
	for at, r := range text {
		if used <= columns-len(mark) {
			fits = at
		}
		if used += columnsFor(r); used > columns {
			return text[:fits] + mark[:min(len(mark), max(columns, 0))]
		}
	}
	return text
}

func columnsFor(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}
