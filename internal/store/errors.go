package store

import (
	"errors"

	"github.com/statusd/statusd/internal/table"
)

// The failures that callers tell apart. Each is met by errors.Is.
var (
	// ErrNotFound: no such record, or it is past its expires_at.
	ErrNotFound = table.ErrNotFound
	// ErrUnavailable: the store is away, throttles or is too slow, or too many
	// write to one record. Sending the same again is safe.
	ErrUnavailable = table.ErrUnavailable
	// ErrCorrupt: what is stored under that key can't be read as a record.
	ErrCorrupt = table.ErrCorrupt
	// ErrTooLarge: the record does not fit into the table.
	ErrTooLarge = table.ErrTooLarge
	// ErrDenied: a Permit does not allow for it.
	ErrDenied = errors.New("that is not permitted with this record")
	// ErrCursor: not a cursor, or one of other filters.
	ErrCursor = errors.New("not a cursor of this list")
)

// MismatchError is a precondition that does not hold: see [When].
type MismatchError struct {
	Current *Snapshot // nil if there is no record
}

func (e *MismatchError) Error() string { return "the record is not at the version that was named" }
