package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// cursorForm is the JSON within a cursor. Everything newer than At has been
// walked past. Of what is exactly as old, each partition named in Last has
// been walked to that id; the others have not been begun.
type cursorForm struct {
	Filter uint64            `json:"f"`
	At     int64             `json:"t"` // Unix milliseconds
	Last   map[string]string `json:"l"` // partition's hash to request_id
}

// keyMost is how many bytes a key of a table may have.
const keyMost = 2048

// hash identifies a filter, whatever the order of its statuses.
func (f Filter) hash() uint64 {
	words := []string{f.Owner, string(f.Liveness)}
	for _, status := range f.Statuses {
		words = append(words, string(status))
	}
	slices.Sort(words[2:])
	h := fnv.New64a()
	h.Write([]byte(strings.Join(slices.Compact(words), "\x00")))
	return h.Sum64()
}

// cursor returns where the walk stands, "" if there is nothing beyond.
func (w *walk) cursor(ctx context.Context) (string, error) {
	if err := w.fill(ctx); err != nil {
		return "", err
	}
	if w.newest() == nil {
		return "", nil
	}
	form := cursorForm{Filter: w.filter, At: w.from.UnixMilli(), Last: make(map[string]string)}
	for _, p := range w.partitions {
		if p.lastID != "" && p.lastAt.Equal(w.from) {
			form.Last[p.hash] = p.lastID
		}
	}
	text, err := json.Marshal(form)
	return base64.RawURLEncoding.EncodeToString(text), err
}

// resume goes on where a cursor was given out.
func (w *walk) resume(cursor string) error {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return ErrCursor
	}
	var form cursorForm
	if err := json.Unmarshal(text, &form); err != nil || form.Filter != w.filter {
		return ErrCursor
	}
	w.from = time.UnixMilli(form.At).UTC()
	for _, p := range w.partitions {
		id, ok := form.Last[p.hash]
		if !ok {
			continue
		}
		if len(id) > keyMost {
			return ErrCursor // the table would call it too large
		}
		if p.cursor, err = w.store.table.CursorAt(w.index, id, w.from); err != nil {
			return ErrCursor
		}
		p.lastID, p.lastAt = id, w.from
	}
	return nil
}
