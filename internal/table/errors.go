package table

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of failure. Every error of this package and of engines is one of
// them by errors.Is, or a context's.
var (
	// ErrNotFound: there is no such record, or it is past its time to live.
	ErrNotFound = errors.New("no such record")
	// ErrExists: a record of that key is there. See [ConflictError].
	ErrExists = errors.New("the record exists already")
	// ErrConflict: the record does not meet a condition. See [ConflictError].
	ErrConflict = errors.New("the record is not as the condition expects")
	// ErrInvalid: what the caller gave does not fit the declaration. Nothing
	// was sent. See [InvalidError].
	ErrInvalid = errors.New("invalid")
	// ErrTooLarge: the item, or a key in it, is larger than a table can hold.
	ErrTooLarge = errors.New("too large for the table")
	// ErrCorrupt: a stored value does not fit the declaration. See
	// [CorruptError].
	ErrCorrupt = errors.New("the stored record can't be read")
	// ErrUnavailable: the store is away or throttles. See [UnavailableError].
	ErrUnavailable = errors.New("the store is unavailable")
	// ErrSchema: the table that is there is another one. See [SchemaError].
	ErrSchema = errors.New("the stored table differs from its declaration")
)

// ConflictError is a write that was refused because of the record that it
// found: ErrExists from a Create, ErrConflict from an Update or Delete.
type ConflictError[T any] struct {
	Found T
	Kind  error
}

func (e *ConflictError[T]) Error() string { return e.Kind.Error() }
func (e *ConflictError[T]) Unwrap() error { return e.Kind }

// ConditionError is how an engine says that a write's conditions did not hold.
type ConditionError struct {
	Found Item // nil if there was none
}

func (e *ConditionError) Error() string { return "the condition does not hold" }

// Problem is one attribute that does not fit.
type Problem struct {
	Attribute string
	Reason    string
}

func (p Problem) String() string { return fmt.Sprintf("%s: %s", p.Attribute, p.Reason) }

// InvalidError names every attribute that does not fit. It is an ErrInvalid.
type InvalidError struct {
	Table    string
	Problems []Problem
}

func (e *InvalidError) Error() string {
	reasons := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		reasons[i] = p.String()
	}
	return fmt.Sprintf("table %s: %s", e.Table, strings.Join(reasons, "; "))
}

func (e *InvalidError) Unwrap() error { return ErrInvalid }

// CorruptError names the stored value that T can't hold. It is an ErrCorrupt.
type CorruptError struct {
	Table, Key string
	Problem    Problem
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("table %s, record %s: %s", e.Table, e.Key, e.Problem)
}

func (e *CorruptError) Unwrap() error { return ErrCorrupt }

// UnavailableError is a store that is away, throttles or is too slow. It is
// an ErrUnavailable; its cause is within.
type UnavailableError struct {
	Table, Operation string
	Cause            error
	// Uncertain says that a write may have happened all the same: its request
	// was sent, its answer never came.
	Uncertain bool
}

func (e *UnavailableError) Error() string {
	certainty := ""
	if e.Uncertain {
		certainty = " (the write may have happened)"
	}
	return fmt.Sprintf("table %s: %s%s: %v", e.Table, e.Operation, certainty, e.Cause)
}

func (e *UnavailableError) Unwrap() []error { return []error{ErrUnavailable, e.Cause} }

// SchemaError says in what the stored table differs from its declaration. It
// is an ErrSchema.
type SchemaError struct {
	Table, Difference string
}

func (e *SchemaError) Error() string { return fmt.Sprintf("table %s: %s", e.Table, e.Difference) }
func (e *SchemaError) Unwrap() error { return ErrSchema }
