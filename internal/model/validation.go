package model

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Problem is one thing wrong with one field.
type Problem struct{ Field, Message string }

// ValidationError names everything that is wrong with what a caller sent.
type ValidationError struct{ Problems []Problem }

func (e *ValidationError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Field + " " + p.Message
	}
	return strings.Join(texts, "; ")
}

// add notes a problem.
func (e *ValidationError) add(field, format string, args ...any) {
	e.Problems = append(e.Problems, Problem{field, fmt.Sprintf(format, args...)})
}

// err is nil if there is no problem.
func (e *ValidationError) err() error {
	if len(e.Problems) == 0 {
		return nil
	}
	return e
}

// ValidateRequestID tests the name of a job. The error is a *ValidationError.
func ValidateRequestID(id string) error {
	const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:~-"
	if id == "" || len(id) > 128 || strings.Trim(id, characters) != "" {
		return &ValidationError{[]Problem{{"request_id", "must be 1 to 128 characters of A-Z a-z 0-9 . _ : ~ -"}}}
	}
	return nil
}

// ValidateOwner tests the name of an owner. The error is a *ValidationError.
func ValidateOwner(owner string) error {
	if owner == "" || len(owner) > maxOwner || !utf8.ValidString(owner) {
		return &ValidationError{[]Problem{{"owner", fmt.Sprintf("must be 1 to %d bytes of UTF-8", maxOwner)}}}
	}
	return nil
}
