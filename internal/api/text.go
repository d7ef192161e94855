package api

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
)

// line is a record for a person.
func (s *server) line(snapshot *store.Snapshot) string {
	return lineOf(snapshot.Record, s.config.Store.Liveness(snapshot), s.config.Clock())
}

// lineOf tells about a record in one line: what counts first, each part from
// the next by two spaces. Nothing in it can move a cursor or turn the line.
func lineOf(r model.Record, liveness model.Liveness, now time.Time) string {
	parts := []string{r.RequestID, string(r.Status)}
	if p := progressText(r); p != "" {
		parts = append(parts, p)
	}
	if r.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("attempt %d", r.Attempt))
	}
	if liveness == "" {
		parts = append(parts, "ended "+span(now.Sub(r.Timestamp))+" ago")
	} else {
		parts = append(parts, fmt.Sprintf("%s, reported %s ago", liveness, span(now.Sub(r.UpdatedAt))))
		if liveness == model.Stalled {
			parts = append(parts, "no progress for "+span(now.Sub(r.Progress.AdvancedAt)))
		}
		if !r.CancelRequestedAt.IsZero() {
			asked := "asked to stop " + span(now.Sub(r.CancelRequestedAt)) + " ago"
			if r.CancelReason != "" {
				asked += ": " + r.CancelReason
			}
			parts = append(parts, asked)
		}
		if eta, ok := r.ETA(); ok && eta.After(now) {
			parts = append(parts, "about "+span(eta.Sub(now))+" left")
		}
	}
	if e := r.Error; e != nil {
		parts = append(parts, errorText(e))
	}
	if r.Message != "" {
		parts = append(parts, r.Message)
	}
	return harmless(strings.Join(parts, "  "))
}

// progressText is like "30% (3/10 epochs)".
func progressText(r model.Record) string {
	p := r.Progress
	if p == nil {
		return ""
	}
	count := number(p.Current)
	if p.Total != nil {
		count += "/" + number(*p.Total)
	}
	if p.Unit != "" && p.Unit != "%" {
		count += " " + p.Unit
	}
	percent, ok := r.Percent()
	switch {
	case !ok:
		return count
	case p.Unit == "%":
		return number(percent) + "%"
	}
	return fmt.Sprintf("%s%% (%s)", number(percent), count)
}

// errorText is like "OOM (exit code 137): out of memory".
func errorText(e *model.Error) string {
	text := e.Code
	if e.ExitCode != nil {
		text = strings.TrimSpace(fmt.Sprintf("%s (exit code %d)", text, *e.ExitCode))
	}
	switch {
	case e.Message == "":
		return text
	case text == "":
		return e.Message
	}
	return text + ": " + e.Message
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// span writes a time span as people say it: 4s, 12m, 3h, 5d.
func span(d time.Duration) string {
	day := 24 * time.Hour
	switch {
	case d < time.Minute:
		return strconv.FormatInt(int64(max(d, 0)/time.Second), 10) + "s"
	case d < time.Hour:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	case d < 2*day:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	}
	return strconv.FormatInt(int64(d/day), 10) + "d"
}

// harmless escapes what a terminal would not print but obey, and what hides
// or turns text: control characters, also those above 0x7f, line ends, and
// the marks of writing direction.
func harmless(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

func join[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}
