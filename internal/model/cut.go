package model

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// cutter cuts what is too long and says so.
type cutter struct{ warnings []string }

func (c *cutter) cut(what string, text *string, limit int) {
	short, was := cut(*text, limit)
	if was {
		*text = short
		c.warn("%s cut to %d bytes", what, limit)
	}
}

func (c *cutter) warn(format string, args ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
}

// metadata returns a copy with keys and values that are short enough. Of two
// keys that become the same, the first in order stays.
func (c *cutter) metadata(given map[string]string) map[string]string {
	if len(given) == 0 {
		return nil
	}
	var keysCut, valuesCut bool
	short := make(map[string]string, len(given))
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if key == "" {
			c.warn("metadata without a key dropped")
			continue
		}
		name, keyCut := cut(key, maxMetadataKey)
		value, valueCut := cut(given[key], maxMetadataValue)
		if _, there := short[name]; !there {
			short[name] = value
		}
		keysCut, valuesCut = keysCut || keyCut, valuesCut || valueCut
	}
	if len(short) == 0 {
		return nil // as where none was given
	}
	if keysCut {
		c.warn("metadata keys cut to %d bytes", maxMetadataKey)
	}
	if valuesCut {
		c.warn("metadata values cut to %d bytes", maxMetadataValue)
	}
	return short
}

// cut shortens text to so many bytes, at a character and with a mark.
func cut(text string, limit int) (short string, was bool) {
	const mark = "…"
	if len(text) <= limit {
		return text, false
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark, true
}
