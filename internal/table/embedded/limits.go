package embedded

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/statusd/statusd/internal/table"
)

// DynamoDB's limits, from its developer guide ("Quotas").
const (
	itemMost     = 400 << 10 // bytes
	keyMost      = 2048      // bytes of a partition key
	indexKeyMost = 1024      // bytes of an index's range attribute
	nestedMost   = 31        // maps and lists within one another
)

// normalized returns the item as DynamoDB would give it back, or why it would
// refuse it. It is a copy of all of it.
func (l *layout) normalized(item table.Item) (table.Item, error) {
	clean := make(table.Item, len(item))
	for name, av := range item {
		value, err := normalizedValue(av, nestedMost)
		if err != nil {
			return nil, l.invalid(name, err.Error())
		}
		if err := l.checkKey(name, value); err != nil {
			return nil, err
		}
		clean[name] = value
	}
	return clean, nil
}

// checkKey tests a value that stands in the key of an index.
func (l *layout) checkKey(name string, av types.AttributeValue) error {
	for _, i := range l.indexes {
		most := keyMost
		switch name {
		case i.Hash:
		case i.Range:
			most = indexKeyMost
		default:
			continue
		}
		switch size := sizeOf(av); {
		case table.TypeOf(av) != l.types[name]:
			return l.invalid(name, fmt.Sprintf("is a key of index %s: not %s, but %s", i.Name, l.types[name], table.TypeOf(av)))
		case size == 0:
			return l.invalid(name, "is a key of index "+i.Name+": not empty")
		case size > most:
			return l.tooLarge(name, size, most)
		}
	}
	return nil
}

// checkSize tests an item as a whole.
func (l *layout) checkSize(item table.Item) error {
	size := 0
	for name, av := range item {
		size += len(name) + sizeOf(av)
	}
	if size > itemMost {
		return l.tooLarge("the item", size, itemMost)
	}
	return nil
}

func (l *layout) tooLarge(what string, size, most int) error {
	return fmt.Errorf("table %s: %w: %s has %d bytes, and may have %d", l.name, table.ErrTooLarge, what, size, most)
}

func (l *layout) invalid(attribute, reason string) error {
	return &table.InvalidError{Table: l.name, Problems: []table.Problem{{Attribute: attribute, Reason: reason}}}
}

// normalizedValue copies a value that may hold so many levels of maps and
// lists. It gives numbers and text their one form, and refuses empty sets and
// what is no value at all.
func normalizedValue(av types.AttributeValue, levels int) (types.AttributeValue, error) {
	switch av := av.(type) {
	case *types.AttributeValueMemberS:
		return &types.AttributeValueMemberS{Value: utf8Text(av.Value)}, nil
	case *types.AttributeValueMemberN:
		n, err := table.NormalizeNumber(av.Value)
		return &types.AttributeValueMemberN{Value: n}, err
	case *types.AttributeValueMemberB:
		return &types.AttributeValueMemberB{Value: slices.Clone(av.Value)}, nil
	case *types.AttributeValueMemberBOOL:
		return &types.AttributeValueMemberBOOL{Value: av.Value}, nil
	case *types.AttributeValueMemberNULL:
		if !av.Value {
			return nil, errors.New("a NULL that is false")
		}
		return &types.AttributeValueMemberNULL{Value: true}, nil
	case *types.AttributeValueMemberM:
		if levels == 0 {
			return nil, errDeep
		}
		m := make(table.Item, len(av.Value))
		for name, inner := range av.Value {
			value, err := normalizedValue(inner, levels-1)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			m[name] = value
		}
		return &types.AttributeValueMemberM{Value: m}, nil
	case *types.AttributeValueMemberL:
		if levels == 0 {
			return nil, errDeep
		}
		list, err := mapped(av.Value, func(inner types.AttributeValue) (types.AttributeValue, error) {
			return normalizedValue(inner, levels-1)
		})
		return &types.AttributeValueMemberL{Value: list}, err
	case *types.AttributeValueMemberSS:
		set, err := mapped(av.Value, func(s string) (string, error) { return utf8Text(s), nil })
		return &types.AttributeValueMemberSS{Value: set}, cmp.Or(err, checkSet(set))
	case *types.AttributeValueMemberNS:
		set, err := mapped(av.Value, table.NormalizeNumber)
		return &types.AttributeValueMemberNS{Value: set}, cmp.Or(err, checkSet(set))
	case *types.AttributeValueMemberBS:
		set, err := mapped(av.Value, func(b []byte) ([]byte, error) { return slices.Clone(b), nil })
		return &types.AttributeValueMemberBS{Value: set}, cmp.Or(err, checkSet(set))
	}
	return nil, errors.New("no value")
}

var errDeep = fmt.Errorf("more than %d maps and lists within one another", nestedMost)

// mapped returns what one makes of each element.
func mapped[T any](list []T, one func(T) (T, error)) ([]T, error) {
	results := make([]T, len(list))
	for i, element := range list {
		result, err := one(element)
		if err != nil {
			return nil, err
		}
		results[i] = result
	}
	return results, nil
}

// utf8Text puts U+FFFD for each byte that is no UTF-8, as the SDK sends it.
func utf8Text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

func checkSet[T string | []byte](set []T) error {
	if len(set) == 0 {
		return errors.New("an empty set")
	}
	seen := make(map[string]bool, len(set))
	for _, element := range set {
		if seen[string(element)] {
			return errors.New("an element twice in a set")
		}
		seen[string(element)] = true
	}
	return nil
}

// sizeOf is what a value counts for in an item's size.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func sizeOf(av types.AttributeValue) int {
	size := 0
	switch av := av.(type) {
	case *types.AttributeValueMemberS:
		return len(av.Value)
	case *types.AttributeValueMemberN:
		return numberSize(av.Value)
	case *types.AttributeValueMemberB:
		return len(av.Value)
	case *types.AttributeValueMemberBOOL, *types.AttributeValueMemberNULL:
		return 1
	case *types.AttributeValueMemberM:
		size = 3
		for name, inner := range av.Value {
			size += 1 + len(name) + sizeOf(inner)
		}
	case *types.AttributeValueMemberL:
		size = 3
		for _, inner := range av.Value {
			size += 1 + sizeOf(inner)
		}
	case *types.AttributeValueMemberSS:
		for _, s := range av.Value {
			size += len(s)
		}
	case *types.AttributeValueMemberNS:
		for _, n := range av.Value {
			size += numberSize(n)
		}
	case *types.AttributeValueMemberBS:
		for _, b := range av.Value {
			size += len(b)
		}
	}
	return size
}

// numberSize is about one byte for two significant digits, and one more.
func numberSize(n string) int {
	digits := strings.Trim(strings.Replace(strings.TrimPrefix(n, "-"), ".", "", 1), "0")
	return (len(digits)+1)/2 + 1
}
