package wrap

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/client"
)

// FuzzOutput has a command write anything: what is told of it can be stored,
// and shown in a terminal.
func FuzzOutput(f *testing.F) {
	for _, text := range []string{
		"Epoch [3/10], Step [120/1000], Loss: 0.31\n", "\r 45%|████▌     | 450/1000 [00:12<00:15, 36.10it/s, loss=0.2]",
		"{'loss': 0.25, 'epoch': 1.5}\n", "450/1000 ━━━━━━━━━ 1s 5ms/step - loss: 0.31\r\n", "\x1b[31m3/10 epoch\x1b]0;\x07 loss=\xff\u202e",
		"1e400/1 9%|| 9e9T/9.9.9 [?,", "42% x", "0/0 it\nepoch 0/0\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		harmless := func(s string, most int) {
			require.True(t, utf8.ValidString(s), "%q", s)
			require.LessOrEqual(t, len(s), most+len("…"), "%q", s)
			require.Equal(t, -1, strings.IndexFunc(s, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }), "%q", s)
		}
		told := func(p *client.Progress, message string) {
			harmless(message, mostText)
			require.NotContains(t, message, "\n")
			if p != nil {
				harmless(p.Unit, mostLine)
				require.True(t, p.Current >= 0 && p.Current < 1<<53, p.Current)
				require.True(t, p.Total >= 0 && p.Total < 1<<53, p.Total)
			}
		}
		s := newSpotter(nil, told)
		s.tap(0)([]byte(text))
		s.end()
		var end tail
		end.add([]byte(text))
		harmless(end.lines(20), mostMessage)
		if p, message, ok := parseNote(shown(text)); ok {
			told(&client.Progress{Unit: p.Unit}, message) // a job leaves out what no record holds
		}
	})
}
