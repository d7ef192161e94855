package wrap

import (
	"bytes"
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statusd/statusd/client"
)

const (
	mostLine  = 4 << 10                // bytes of one that are looked at
	mostText  = 200                    // bytes of a message
	lookEvery = 250 * time.Millisecond // at what came: at each line, a chatty command would have us wake without end
	mostSeen  = 1 << 20                // bytes that may wait for that
)

// spotter finds progress in what a command writes. It looks at it after it has
// been passed on, and rather misses something than hold anything up.
type spotter struct {
	own    *regexp.Regexp // instead of what is built in
	tell   func(p *client.Progress, message string)
	silent atomic.Bool

	mu   sync.Mutex
	came [2][]byte // of each stream, what is to be looked at
	next *time.Timer
	over bool

	looking sync.Mutex // for what follows
	lines   [2][]byte  // of each stream, the line that is not ended
	epochs  bool       // are counted: then nothing else is
	bar     bar
	passes  map[string]int // how many bars there were with this unit
}

// bar is the count that is followed, of those that there may be.
type bar struct {
	unit           string
	current, total float64
}

func newSpotter(own *regexp.Regexp, tell func(*client.Progress, string)) *spotter {
	return &spotter{own: own, tell: tell, passes: make(map[string]int)}
}

// tap returns what a stream, the first or the second, shows its output to.
func (s *spotter) tap(stream int) func([]byte) {
	return func(p []byte) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.over || len(s.came[stream])+len(p) > mostSeen {
			return
		}
		s.came[stream] = append(s.came[stream], p...)
		if s.next == nil {
			s.next = time.AfterFunc(lookEvery, s.look)
		}
	}
}

// silence has it tell nothing any more.
func (s *spotter) silence() { s.silent.Store(true) }

// end looks at all that came. What comes after it is not looked at.
func (s *spotter) end() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.look()
	s.looking.Lock()
	defer s.looking.Unlock()
	for _, line := range s.lines {
		s.line(line)
	}
}

// look looks at what came.
func (s *spotter) look() {
	s.looking.Lock()
	defer s.looking.Unlock()
	s.mu.Lock()
	came := s.came
	s.came, s.next = [2][]byte{}, nil
	s.mu.Unlock()
	for stream, text := range came {
		if len(text) > 0 {
			s.lines[stream] = s.split(s.lines[stream], text)
		}
	}
}

// split looks at the lines of a text that follows a rest, and returns the rest
// after them.
func (s *spotter) split(rest, text []byte) []byte {
	for {
		at := bytes.IndexAny(text, "\r\n")
		if at < 0 {
			return append(rest, text[:min(len(text), mostLine-len(rest))]...)
		}
		s.line(append(rest, text[:min(at, mostLine-len(rest))]...))
		rest, text = rest[:0], text[at+1:]
	}
}

// hints are what a line has that tells of progress.
var hints = []string{"/", "%", " of ", "'epoch'"}

func (s *spotter) line(line []byte) {
	if s.silent.Load() || !bytes.ContainsAny(line, "0123456789") {
		return
	}
	if s.own != nil {
		s.byOwn(shown(string(line)))
		return
	}
	for _, hint := range hints {
		if bytes.Contains(line, []byte(hint)) {
			s.byBuiltIn(shown(string(line)))
			return
		}
	}
}

// byOwn takes the groups that are named current, total, unit and message, or
// else the first and second as current and total.
func (s *spotter) byOwn(line string) {
	found := s.own.FindStringSubmatch(line)
	if found == nil {
		return
	}
	group := func(name string, at int) string {
		if i := s.own.SubexpIndex(name); i >= 0 {
			return found[i]
		}
		if s.own.SubexpIndex("current") < 0 && at > 0 && at < len(found) {
			return found[at]
		}
		return ""
	}
	p := client.Progress{Unit: group("unit", 0)}
	var ok bool
	if p.Current, ok = count(group("current", 1)); !ok {
		return
	}
	p.Total, _ = count(group("total", 2))
	s.tell(&p, brief(group("message", 0)))
}

var (
	// Epoch [3/10], step 120/1000, Iteration: 5 of 20
	counted = regexp.MustCompile(`(?i)\b(epoch|step|iter|iteration|batch|round|episode)s?\s*[:=#]?\s*[[(]?\s*(\d+)\s*(?:/|of)\s*(\d+)\s*[])]?`)
	// tqdm: "Epoch 3:  45%|████▌     | 450/1000 [00:12<00:15, 36.10it/s, loss=0.2]"
	tqdm = regexp.MustCompile(`^(?:(.*?):?\s+)?\s*\d+%\|[^|]*\|\s*([\d.]+[kMGT]?)/([\d.]+[kMGT]?)\s*\[(.*)`)
	rate = regexp.MustCompile(`[\d.?]+\s?(?:s/(\S+?)|(\S+?)/s)(?:[,\]]|$)`)
	// Keras: "450/1000 [=====>......] - ETA: 1s - loss: 0.31", "450/1000 ━━━━━━━━━ 1s 5ms/step - loss: 0.31"
	keras = regexp.MustCompile(`^\s*(\d+)/(\d+)\s+(?:\[[=>.]+\]|[━╸╺]+)(.*)`)
	// Hugging Face Trainer: {'loss': 0.25, 'learning_rate': 1e-05, 'epoch': 1.5}
	logged = regexp.MustCompile(`^\s*\{'.*'epoch':.*\}\s*$`)
	pair   = regexp.MustCompile(`'(\w+)': '?([-+.\deE]+|nan|inf)'?`)
	metric = regexp.MustCompile(`\b[a-z]\w*: [-+.\deE]+(?: - [a-z]\w*: [-+.\deE]+)*`)
)

func (s *spotter) byBuiltIn(line string) {
	if strings.Contains(line, "'epoch'") && logged.MatchString(line) {
		s.byLog(line)
		return
	}
	if strings.Contains(line, "%|") {
		if found := tqdm.FindStringSubmatch(line); found != nil {
			s.byBar(found[1], found[2], found[3], found[4])
			return
		}
	}
	if found := keras.FindStringSubmatch(line); found != nil {
		s.follow("step", found[1], found[2], metric.FindString(found[3]))
		return
	}
	var at []int
	for _, one := range counted.FindAllStringSubmatchIndex(line, -1) {
		if at == nil || strings.EqualFold(line[one[2]:one[3]], "epoch") {
			at = one
		}
	}
	if at == nil {
		return
	}
	unit := strings.ToLower(line[at[2]:at[3]])
	s.follow(unit, line[at[4]:at[5]], line[at[6]:at[7]], strings.TrimLeft(line[at[1]:], " \t,;:|-"))
}

// byBar takes a bar of tqdm, unless it counts bytes: those are of a download.
func (s *spotter) byBar(name, current, total, rest string) {
	unit := "it"
	if found := rate.FindStringSubmatch(rest); found != nil {
		unit = cmp.Or(found[1], found[2])
	}
	if strings.HasSuffix(unit, "B") {
		return
	}
	var said []string
	for part := range strings.SplitSeq(strings.TrimRight(rest, " ]"), ", ") {
		if strings.Contains(part, "=") {
			said = append(said, part)
		}
	}
	message := strings.Join(said, ", ")
	if found := counted.FindStringSubmatch(name); found != nil {
		s.follow(strings.ToLower(found[1]), found[2], found[3], message)
		return
	}
	s.follow(cmp.Or(strings.TrimSpace(name), unit), current, total, message)
}

// byLog takes the metrics of a line, and the epoch if nothing better is known.
func (s *spotter) byLog(line string) {
	var p *client.Progress
	var said []string
	for _, found := range pair.FindAllStringSubmatch(line, -1) {
		said = append(said, found[1]+" "+found[2])
		if epoch, ok := count(found[2]); ok && found[1] == "epoch" && s.bar.unit == "" {
			p = &client.Progress{Current: epoch, Unit: "epoch"}
		}
	}
	s.tell(p, brief(strings.Join(said, ", ")))
}

// follow tells of a count if it is the one to follow: epochs, if they are
// counted, and otherwise the largest that is under way. One that begins again
// has another unit, so that its progress is not taken for what was before.
func (s *spotter) follow(unit, current, total, message string) {
	var next bar
	var ok, both bool
	next.unit = unit
	if next.current, ok = count(current); !ok {
		return
	}
	if next.total, both = count(total); !both || next.current > next.total {
		return
	}
	if unit == "epoch" {
		if next.total <= 1 { // where the first is the last, its steps tell more
			return
		}
		s.epochs, s.bar = true, next
		s.tell(&client.Progress{Current: next.current, Total: next.total, Unit: unit}, brief(message))
		return
	}
	if s.epochs {
		if message != "" {
			s.tell(nil, brief(message))
		}
		return
	}
	same := next.unit == s.bar.unit && next.total == s.bar.total
	switch {
	case same && next.current >= s.bar.current:
	case same, s.bar.unit == "", s.bar.current >= s.bar.total, next.total > s.bar.total:
		s.passes[unit]++
	default:
		return // a smaller one beside it, as of an evaluation
	}
	s.bar = next
	if n := s.passes[unit]; n > 1 {
		unit += " (" + strconv.Itoa(n) + ")"
	}
	s.tell(&client.Progress{Current: next.current, Total: next.total, Unit: unit}, brief(message))
}

// count reads a number, perhaps shortened as by tqdm: 1.05k.
func count(text string) (float64, bool) {
	scale := 1.0
	if n := len(text); n > 0 {
		if at := strings.IndexByte("kMGT", text[n-1]); at >= 0 {
			text = text[:n-1]
			for range at + 1 {
				scale *= 1000
			}
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	return f * scale, err == nil && f >= 0 && f*scale < 1<<53
}

func brief(message string) string {
	message = strings.TrimSpace(message)
	if len(message) > mostText {
		message = strings.ToValidUTF8(message[:mostText], "") + "…"
	}
	return message
}
