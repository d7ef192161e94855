package api

import (
	"fmt"
	"strings"
	"time"

	"github.com/statusd/statusd/internal/human"
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
		parts = append(parts, "ended "+human.Span(now.Sub(r.Timestamp))+" ago")
	} else {
		parts = append(parts, fmt.Sprintf("%s, reported %s ago", liveness, human.Span(now.Sub(r.UpdatedAt))))
		if liveness == model.Stalled {
			parts = append(parts, "no progress for "+human.Span(now.Sub(r.Progress.AdvancedAt)))
		}
		if !r.CancelRequestedAt.IsZero() {
			asked := "asked to stop " + human.Span(now.Sub(r.CancelRequestedAt)) + " ago"
			if r.CancelReason != "" {
				asked += ": " + r.CancelReason
			}
			parts = append(parts, asked)
		}
		if eta, ok := r.ETA(); ok && eta.After(now) {
			parts = append(parts, "about "+human.Span(eta.Sub(now))+" left")
		}
	}
	if e := r.Error; e != nil {
		parts = append(parts, errorText(e))
	}
	if r.Message != "" {
		parts = append(parts, r.Message)
	}
	return human.Harmless(strings.Join(parts, "  "))
}

// progressText is empty if there is none.
func progressText(r model.Record) string {
	p := r.Progress
	if p == nil {
		return ""
	}
	if percent, ok := r.Percent(); ok {
		return human.Progress(p.Current, p.Total, p.Unit, &percent)
	}
	return human.Progress(p.Current, p.Total, p.Unit, nil)
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

func join[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}
