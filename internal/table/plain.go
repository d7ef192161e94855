package table

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Most attributes are plain: a text, an integer, or a time, in their only
// form. These are encoded and decoded here as the SDK does it, which the tests
// hold together; its way, by reflection over a struct for each value, was a
// third of all that an update of a record costs.

var unmarshalerType = reflect.TypeFor[attributevalue.Unmarshaler]()

// isPlain tells whether a Go type, with these options of its tag, is plain.
func isPlain(t reflect.Type, options []string) bool {
	known := !slices.ContainsFunc(options, func(o string) bool { return o != "" && o != "omitempty" })
	own := t.Implements(marshalerType) || reflect.PointerTo(t).Implements(unmarshalerType) || t.Implements(numeralType)
	return known && !own && (t == timeType || t.Kind() == reflect.String || isInteger(t))
}

func isInteger(t reflect.Type) bool { return t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64 }

// encodePlain is encode for a plain field.
func (f *field) encodePlain(value reflect.Value) types.AttributeValue {
	if f.isTime {
		t := value.Interface().(time.Time)
		if !f.Required && t.IsZero() {
			return nil
		}
		return &types.AttributeValueMemberS{Value: t.UTC().Format(timeLayout)}
	}
	switch {
	case !f.Required && value.IsZero():
		return nil
	case f.kind == reflect.String:
		return &types.AttributeValueMemberS{Value: value.String()}
	}
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(value.Int(), 10)}
}

// decodePlain sets the value of a plain field, whose attribute is of the
// field's type.
func decodePlain(av types.AttributeValue, value reflect.Value) error {
	switch av := av.(type) {
	case *types.AttributeValueMemberN:
		n, err := strconv.ParseInt(av.Value, 10, 64)
		if err != nil || value.OverflowInt(n) {
			return fmt.Errorf("%s is no %s", av.Value, value.Type())
		}
		value.SetInt(n)
	case *types.AttributeValueMemberS:
		if value.Kind() == reflect.String {
			value.SetString(av.Value)
			return nil
		}
		t, err := parseTime(av.Value)
		value.Set(reflect.ValueOf(t))
		return err
	}
	return nil
}

// parseTime reads a stored time.
func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	return t.UTC(), err
}
