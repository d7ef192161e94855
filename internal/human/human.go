// Package human writes things as people read them.
package human

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Number writes a number without an exponent, and no longer than it has to be.
func Number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// Progress writes how far something is, like 30% (3/10 epochs), 3/10, 42% or
// 3 epochs. The total and the percentage are nil if they are not known.
func Progress(current float64, total *float64, unit string, percent *float64) string {
	count := Number(current)
	if total != nil {
		count += "/" + Number(*total)
	}
	switch {
	case unit == "%" && percent != nil:
		return Number(*percent) + "%"
	case unit != "" && unit != "%":
		count += " " + unit
	}
	if percent == nil {
		return count
	}
	return fmt.Sprintf("%s%% (%s)", Number(*percent), count)
}

// Span writes a time span as people say it: 4s, 12m, 3h, 5d.
func Span(d time.Duration) string {
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

// Harmless escapes what a terminal would not print but obey, and what hides
// or turns text: control characters, also those above 0x7f, line ends, and
// the marks of writing direction.
func Harmless(text string) string {
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
