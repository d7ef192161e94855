package table

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Condition is what a record must meet for an Update or Delete to happen.
type Condition struct {
	attribute string // "" for the version
	op        Op
	value     any
}

// VersionIs holds if the version attribute equals v.
func VersionIs(v int64) Condition { return Condition{"", OpEquals, v} }

// Absent holds if the record lacks the attribute.
func Absent(attribute string) Condition { return Condition{attribute, OpAbsent, nil} }

// Equals holds if the attribute is there and equals value: a string, a number,
// a bool, bytes or a time, or one of the SDK's attribute values as it is.
func Equals(attribute string, value any) Condition { return Condition{attribute, OpEquals, value} }

// Below holds if the attribute is there, is of value's type and less than it.
func Below(attribute string, value any) Condition { return Condition{attribute, OpBelow, value} }

// checks turns conditions into the form of engines. An attribute that T lacks,
// or a value that can't be compared, is an ErrInvalid.
func (t *Table[T]) checks(conditions []Condition) ([]Check, error) {
	checks := make([]Check, 0, len(conditions))
	for _, c := range conditions {
		check, err := t.check(c)
		if err != nil {
			return nil, t.invalid([]Problem{{c.attribute, err.Error()}})
		}
		checks = append(checks, check)
	}
	return checks, nil
}

func (t *Table[T]) check(c Condition) (Check, error) {
	name := c.attribute
	if name == "" {
		name = t.schema.Version
	}
	f, ok := t.field(name)
	switch {
	case name == "":
		return Check{}, errors.New("a condition on the version, but there is none")
	case !ok:
		return Check{}, errors.New("a condition on an attribute that is not there")
	}
	if c.op == OpAbsent {
		return Check{Attribute: name, Op: c.op}, nil
	}
	av, raw := c.value.(types.AttributeValue)
	if !raw {
		var err error
		if av, err = encode(c.value); err != nil {
			return Check{}, err
		}
		if f.Type != "" && TypeOf(av) != f.Type {
			return Check{}, errors.New("a condition on a " + f.Type + " with a " + TypeOf(av))
		}
	}
	switch TypeOf(av) {
	case "S", "N", "B":
	case "BOOL":
		if c.op == OpBelow {
			return Check{}, errors.New("no bool is below another")
		}
	default:
		return Check{}, errors.New("a condition compares texts, numbers, binaries or bools")
	}
	return Check{Attribute: name, Op: c.op, Value: av}, nil
}
