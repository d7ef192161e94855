package wrap

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
)

const (
	tailBytes   = 16 << 10 // that are kept
	mostMessage = 4000     // bytes that are told: a record takes 4 KiB
)

// tail keeps the end of what a command wrote.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

func (t *tail) add(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p = p[max(0, len(p)-tailBytes):]
	if len(t.kept)+len(p) > 2*tailBytes {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-tailBytes:]...)
	}
	t.kept = append(t.kept, p...)
}

// lines are the last ones, at most n, that are not empty.
func (t *tail) lines(n int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	left := mostMessage
	all := strings.Split(string(t.kept), "\n")
	for i := len(all) - 1; i >= 0 && len(lines) < n; i-- {
		line := shown(all[i])
		if line == "" {
			continue
		}
		if left -= len(line) + 1; left < 0 {
			break
		}
		lines = append([]string{line}, lines...)
	}
	return strings.Join(lines, "\n")
}

// escapes are what moves a terminal's cursor, colours its text or names its
// window.
var escapes = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[PX^_][^\x1b]*(\x1b\\)?|[ -/]*[0-~])`)

// shown is a line as a terminal would show it: what was written over is gone,
// and nothing in it can do more than be read.
func shown(line string) string {
	line = strings.TrimRight(line, "\r")
	line = line[strings.LastIndexByte(line, '\r')+1:]
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
		line = readable(line)
	}
	const most = 1000
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + "…"
	}
	return strings.TrimRight(line, " ")
}

// readable is a line without what is not to be read.
func readable(line string) string {
	line = escapes.ReplaceAllString(line, "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(line, "\uFFFD"))
}
