package table

import (
	"bytes"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Op is what a [Check] asks of an attribute.
type Op int

// The operators of a [Check].
const (
	OpAbsent Op = iota + 1
	OpEquals
	OpBelow
)

// Check is a condition in the form that engines evaluate: one attribute, one
// operator, one scalar.
type Check struct {
	Attribute string
	Op        Op
	Value     types.AttributeValue // nil for OpAbsent; else S, N, B or BOOL
}

// Holds tells whether the item meets the check, as DynamoDB evaluates it: an
// attribute that is missing, or of another type, equals nothing and is below
// nothing.
func (c Check) Holds(item Item) bool {
	found, there := item[c.Attribute]
	switch c.Op {
	case OpAbsent:
		return !there
	case OpEquals:
		order, comparable := compare(found, c.Value)
		return comparable && order == 0
	case OpBelow:
		order, comparable := compare(found, c.Value)
		_, boolean := found.(*types.AttributeValueMemberBOOL)
		return comparable && order < 0 && !boolean
	}
	return false
}

// compare orders two scalars of one type as DynamoDB does: text and binary by
// bytes, numbers by value.
func compare(a, b types.AttributeValue) (order int, comparable bool) {
	switch a := a.(type) {
	case *types.AttributeValueMemberS:
		if b, ok := b.(*types.AttributeValueMemberS); ok {
			return strings.Compare(a.Value, b.Value), true
		}
	case *types.AttributeValueMemberN:
		if b, ok := b.(*types.AttributeValueMemberN); ok {
			return CompareNumbers(a.Value, b.Value), true
		}
	case *types.AttributeValueMemberB:
		if b, ok := b.(*types.AttributeValueMemberB); ok {
			return bytes.Compare(a.Value, b.Value), true
		}
	case *types.AttributeValueMemberBOOL:
		if b, ok := b.(*types.AttributeValueMemberBOOL); ok {
			if a.Value == b.Value {
				return 0, true
			}
			return 1, true
		}
	}
	return 0, false
}

// Alive tells whether the item counts as existing at now: it has no time to
// live, or that is still to come. A time to live is in epoch seconds; one that
// is no number never ends, as on DynamoDB.
func (s *Schema) Alive(item Item, now time.Time) bool {
	if item == nil {
		return false
	}
	if s.TTL == "" {
		return true
	}
	ends, ok := item[s.TTL].(*types.AttributeValueMemberN)
	return !ok || CompareNumbers(ends.Value, EpochSeconds(now)) > 0
}
