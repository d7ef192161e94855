package store

import "sync/atomic"

// Snapshot is a record as it was at one version: model.Record, and how it is
// stored. It is shared by all who read it, and never changed.
type Snapshot struct {
	row
	memo atomic.Pointer[memo]
}

type memo struct {
	key   string
	value any
}

// Memo returns what form gives and keeps it for the next call of that key, so
// that a record is encoded once for all who read it. Concurrent first calls
// may each make their own.
func (s *Snapshot) Memo(key string, form func() any) any {
	if m := s.memo.Load(); m != nil && m.key == key {
		return m.value
	}
	value := form()
	s.memo.Store(&memo{key, value})
	return value
}
