package wrap

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/statusd/statusd/client"
	"github.com/statusd/statusd/internal/model"
)

const (
	readEvery = time.Second // of the file
	mostNotes = 1 << 20     // bytes that it may hold before it is emptied
)

// notes are a file to which the command may write how far it is, a line each:
// 3/10 epoch loss=0.21. A file makes nobody wait, whoever reads it or does not.
type notes struct {
	path string
	seen os.FileInfo
}

func newNotes() (*notes, error) {
	folder, err := os.MkdirTemp("", "statusd-")
	if err != nil {
		return nil, err
	}
	n := &notes{path: filepath.Join(folder, "progress")}
	return n, os.WriteFile(n.path, nil, 0o600)
}

func (n *notes) remove() { _ = os.RemoveAll(filepath.Dir(n.path)) }

// read returns the last note if there is a new one.
func (n *notes) read() (p client.Progress, message string, ok bool) {
	file, err := os.OpenFile(n.path, os.O_RDWR, 0)
	if err != nil {
		return p, "", false
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() == 0 || n.seen != nil && n.seen.Size() == info.Size() && n.seen.ModTime().Equal(info.ModTime()) {
		return p, "", false
	}
	n.seen = info
	end := make([]byte, min(info.Size(), mostLine))
	if _, err := file.ReadAt(end, info.Size()-int64(len(end))); err != nil {
		return p, "", false
	}
	if info.Size() > mostNotes {
		_ = file.Truncate(0) // those who append go on from there
	}
	lines := bytes.Split(end, []byte("\n"))
	if last := len(lines) - 1; last > 0 {
		lines = lines[:last] // what is not ended yet
	}
	for i := len(lines) - 1; i >= 0 && !ok; i-- {
		p, message, ok = parseNote(shown(strings.Trim(string(lines[i]), "\x00")))
	}
	return p, message, ok
}

// parseNote reads 3, 3/10 or 42%, then perhaps a unit, which has no digit, =
// or : in it, and then perhaps a message.
func parseNote(line string) (client.Progress, string, bool) {
	first, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	p, err := model.ParseProgress(first)
	if err != nil {
		return client.Progress{}, "", false
	}
	note := client.Progress{Current: p.Current, Unit: p.Unit}
	if p.Total != nil {
		note.Total = *p.Total
	}
	rest = strings.TrimSpace(rest)
	if word, more, _ := strings.Cut(rest, " "); note.Unit == "" && !strings.ContainsAny(word, "0123456789=:") {
		note.Unit, rest = word, more
	}
	return note, brief(rest), true
}
