package embedded

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/statusd/statusd/internal/table"
)

// DynamoDB's limits, from its developer guide ("Quotas").
const (
	itemMost     = 400 << 10 // bytes
	keyMost      = 2048      // bytes of a partition key
	indexKeyMost = 1024      // bytes of an index's range attribute
)

// normalized returns the item as DynamoDB would give it back, or why it would
// refuse it. It is a copy; the values within are new where they differ.
func (l *layout) normalized(item table.Item) (table.Item, error) {
	clean := make(table.Item, len(item))
	for name, av := range item {
		value, err := normalizedValue(av)
		if err != nil {
			return nil, l.invalid(name, err.Error())
		}
		clean[name] = value
	}
	return clean, nil
}

// checked tests an item as a whole: its keys, and its size.
func (l *layout) checked(item table.Item) error {
	for _, index := range l.indexes {
		for _, name := range []string{index.Hash, index.Range} {
			av, there := item[name]
			if !there {
				continue
			}
			if kind := l.types[name]; kindOf(av) != kind {
				return l.invalid(name, fmt.Sprintf("is a key of index %s: not %s, but %s", index.Name, kind, kindOf(av)))
			}
			if sizeOf(av) == 0 {
				return l.invalid(name, "is a key of index "+index.Name+": not empty")
			}
			most := keyMost
			if name == index.Range {
				most = indexKeyMost
			}
			if sizeOf(av) > most {
				return l.tooLarge(name, sizeOf(av), most)
			}
		}
	}
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

// normalizedValue gives numbers their one form, and refuses empty sets and
// what is no value at all.
func normalizedValue(av types.AttributeValue) (types.AttributeValue, error) {
	switch av := av.(type) {
	case *types.AttributeValueMemberN:
		n, err := table.NormalizeNumber(av.Value)
		if err != nil || n == av.Value {
			return av, err
		}
		return &types.AttributeValueMemberN{Value: n}, nil
	case *types.AttributeValueMemberM:
		m := make(table.Item, len(av.Value))
		for name, inner := range av.Value {
			value, err := normalizedValue(inner)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			m[name] = value
		}
		return &types.AttributeValueMemberM{Value: m}, nil
	case *types.AttributeValueMemberL:
		list := make([]types.AttributeValue, len(av.Value))
		for i, inner := range av.Value {
			value, err := normalizedValue(inner)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return &types.AttributeValueMemberL{Value: list}, nil
	case *types.AttributeValueMemberSS:
		return av, checkSet(av.Value, func(s string) string { return s })
	case *types.AttributeValueMemberBS:
		return av, checkSet(av.Value, func(b []byte) string { return string(b) })
	case *types.AttributeValueMemberNS:
		numbers := make([]string, len(av.Value))
		for i, text := range av.Value {
			n, err := table.NormalizeNumber(text)
			if err != nil {
				return nil, err
			}
			numbers[i] = n
		}
		return &types.AttributeValueMemberNS{Value: numbers}, checkSet(numbers, func(s string) string { return s })
	case nil:
		return nil, fmt.Errorf("no value")
	}
	return av, nil
}

func checkSet[T any](set []T, text func(T) string) error {
	if len(set) == 0 {
		return fmt.Errorf("an empty set")
	}
	seen := make(map[string]bool, len(set))
	for _, element := range set {
		if seen[text(element)] {
			return fmt.Errorf("an element twice in a set")
		}
		seen[text(element)] = true
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

func kindOf(av types.AttributeValue) string {
	switch av.(type) {
	case *types.AttributeValueMemberS:
		return "S"
	case *types.AttributeValueMemberN:
		return "N"
	case *types.AttributeValueMemberB:
		return "B"
	}
	return "another type"
}
