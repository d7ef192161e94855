package table

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// field is one attribute of T: where its value stands in the struct, and how
// it is encoded. Each field has a struct type of its own, of the same name and
// tags, so that the SDK encodes and decodes it alone: whatever goes wrong is
// then known by the attribute's name, and an update encodes what it changes.
type field struct {
	Attribute
	path     string // for messages
	tag      string // the table tag
	index    []int
	kind     reflect.Kind // of the value itself, behind a pointer
	pointer  bool
	nullable bool
	isTime   bool
	plain    bool // see plain.go
	solo     reflect.Type
}

// timeLayout is how times are stored: always three decimals and UTC, so that
// they sort as text.
const timeLayout = "2006-01-02T15:04:05.000Z"

var (
	encoder = attributevalue.NewEncoder(func(o *attributevalue.EncoderOptions) {
		o.OmitEmptyTime = true
		o.EncodeTime = func(t time.Time) (types.AttributeValue, error) {
			return &types.AttributeValueMemberS{Value: t.UTC().Format(timeLayout)}, nil
		}
	})
	decoder = attributevalue.NewDecoder(func(o *attributevalue.DecoderOptions) {
		o.DecodeTime.S = parseTime
	})
	marshalerType   = reflect.TypeFor[attributevalue.Marshaler]()
	numeralType     = reflect.TypeFor[numeral]()
	binarySetType   = reflect.TypeFor[[][]byte]()
	enumerationType = reflect.TypeFor[enumeration]()
)

// numeral is by what the SDK knows text that is a number: json.Number, and its
// own.
type numeral interface {
	Float64() (float64, error)
	Int64() (int64, error)
	String() string
}

// enumeration is how the type of a categorical attribute tells its values.
type enumeration interface{ Values() []string }

// newField reads one struct field.
func newField(f reflect.StructField, name, options string, index []int) (field, error) {
	if name == "" {
		name = f.Name
	}
	if len(name) > 255 {
		return field{}, errors.New("an attribute name of more than 255 bytes")
	}
	words := strings.Split(options, ",")
	one := field{
		Attribute: Attribute{Name: name, Required: !slices.Contains(words, "omitempty")},
		path:      f.Name,
		tag:       f.Tag.Get("table"),
		index:     index,
		solo:      reflect.StructOf([]reflect.StructField{{Name: f.Name, Type: f.Type, Tag: f.Tag}}),
	}
	t := f.Type
	for t.Kind() == reflect.Pointer {
		t, one.pointer = t.Elem(), true
	}
	one.kind = t.Kind()
	one.isTime = t.ConvertibleTo(timeType)
	one.nullable = one.pointer || slices.Contains([]reflect.Kind{reflect.Slice, reflect.Map, reflect.Interface}, one.kind)
	var err error
	if one.Type, err = attributeType(t, words); err != nil {
		return field{}, err
	}
	one.plain = isPlain(f.Type, words)
	if values, ok := reflect.Zero(t).Interface().(enumeration); ok {
		one.Values = values.Values()
		switch {
		case one.kind != reflect.String:
			return field{}, errors.New("a categorical attribute is a string")
		case len(one.Values) == 0:
			return field{}, errors.New("a categorical attribute without values")
		}
	} else if reflect.PointerTo(t).Implements(enumerationType) {
		return field{}, errors.New("the method Values needs a value receiver")
	}
	return one, nil
}

// attributeType tells as which attribute type the SDK encodes a Go type; "" is
// for an interface, which holds any.
func attributeType(t reflect.Type, options []string) (string, error) {
	switch {
	case t.Kind() == reflect.Interface && t.NumMethod() > 0:
		return "", fmt.Errorf("a %s can't be read again", t)
	case t.Implements(marshalerType):
		av, err := reflect.Zero(t).Interface().(attributevalue.Marshaler).MarshalDynamoDBAttributeValue()
		if err != nil || TypeOf(av) == "NULL" {
			return "", errors.New("the zero value's own marshaler must give a value, by which its type is known")
		}
		return TypeOf(av), nil
	case reflect.PointerTo(t).Implements(marshalerType):
		return "", errors.New("its own marshaler needs a value receiver")
	}
	for option, set := range map[string]string{"stringset": "SS", "numberset": "NS", "binaryset": "BS"} {
		if slices.Contains(options, option) {
			return set, nil
		}
	}
	switch {
	case t == binarySetType:
		return "BS", nil
	case t.Kind() == reflect.String && t.Implements(numeralType) && !slices.Contains(options, "string"):
		return "N", nil
	case t.ConvertibleTo(timeType) && slices.Contains(options, "unixtime"):
		return "N", nil
	case t.ConvertibleTo(timeType):
		return "S", nil
	}
	switch t.Kind() {
	case reflect.String:
		return "S", nil
	case reflect.Bool:
		return "BOOL", nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		if slices.Contains(options, "string") {
			return "S", nil
		}
		return "N", nil
	case reflect.Map:
		if t.Elem().Kind() == reflect.Struct && t.Elem().NumField() == 0 {
			return "", errors.New("a set is a slice tagged stringset, numberset or binaryset")
		}
		return "M", nil
	case reflect.Struct:
		return "M", nil
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "B", nil
		}
		return "L", nil
	case reflect.Interface:
		return "", nil
	}
	return "", fmt.Errorf("a %s can't be stored", t)
}

// encode returns the stored form of the field's value, nil for none.
func (f *field) encode(value reflect.Value) (types.AttributeValue, error) {
	if f.plain {
		return f.encodePlain(value), nil
	}
	solo := reflect.New(f.solo).Elem()
	solo.Field(0).Set(value)
	encoded, err := encode(solo.Interface())
	if err != nil {
		return nil, err
	}
	return encoded.(*types.AttributeValueMemberM).Value[f.Name], nil
}

// encode returns the stored form of any value.
func encode(value any) (av types.AttributeValue, err error) {
	defer recovered(&err)
	if av, err = encoder.Encode(value); err == nil && av == nil {
		err = fmt.Errorf("a %T can't be stored", value)
	}
	return av, err
}

// recovered makes an error of a panic within the SDK. It has some: for a
// binary that is longer than its array, for a nil pointer to a marshaler.
func recovered(err *error) {
	if reason := recover(); reason != nil {
		*err = fmt.Errorf("can't be converted: %v", reason)
	}
}

// decode returns the value that an attribute stands for. It is strict where
// the SDK is lenient: a value of another type, a NULL for something that can't
// be nil, and a word that the categorical attribute doesn't have are errors.
func (f *field) decode(av types.AttributeValue) (value reflect.Value, err error) {
	defer recovered(&err)
	_, null := av.(*types.AttributeValueMemberNULL)
	if f.Type != "" && TypeOf(av) != f.Type && !(null && f.nullable) {
		return reflect.Value{}, fmt.Errorf("is a %s, not a %s", TypeOf(av), f.Type)
	}
	if f.plain {
		value = reflect.New(f.solo.Field(0).Type).Elem()
		if err := decodePlain(av, value); err != nil {
			return reflect.Value{}, err
		}
		return value, f.checkEnum(value)
	}
	solo := reflect.New(f.solo)
	whole := &types.AttributeValueMemberM{Value: Item{f.Name: av}}
	if err := decoder.Decode(whole, solo.Interface()); err != nil {
		return reflect.Value{}, err
	}
	value = solo.Elem().Field(0)
	return value, f.checkEnum(value)
}

// checkEnum tests the word of a categorical attribute.
func (f *field) checkEnum(value reflect.Value) error {
	if f.Values == nil {
		return nil
	}
	for value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return nil
		}
		value = value.Elem()
	}
	word := value.String()
	if word == "" && !f.Required || slices.Contains(f.Values, word) {
		return nil
	}
	return fmt.Errorf("%q is none of %s", word, strings.Join(f.Values, ", "))
}

// encodeRecord returns the item of a whole record, or every problem it has.
func (t *Table[T]) encodeRecord(record *T) (Item, []Problem) {
	item := make(Item, len(t.fields))
	var problems []Problem
	value := reflect.ValueOf(record).Elem()
	for i := range t.fields {
		f := &t.fields[i]
		av, err := t.encodeField(f, value.FieldByIndex(f.index))
		switch {
		case err != nil:
			problems = append(problems, Problem{f.Name, err.Error()})
		case av != nil:
			item[f.Name] = av
		}
	}
	return item, problems
}

// encodeField encodes one value and tests it. A nil result is an attribute to
// leave out.
func (t *Table[T]) encodeField(f *field, value reflect.Value) (types.AttributeValue, error) {
	if err := f.checkEnum(value); err != nil {
		return nil, err
	}
	if f.Required && f.isTime && value.IsZero() {
		return nil, errMissing
	}
	av, err := f.encode(value)
	if err != nil {
		return nil, err
	}
	if TypeOf(av) == "NULL" && f.Type != "" {
		switch {
		case !f.Required:
			return nil, nil
		case f.pointer || !f.nullable:
			return nil, errMissing
		}
		// A nil slice or map, or an empty set, of an attribute that every
		// record has.
	}
	return av, t.checkKeyed(f, av)
}

var errMissing = errors.New("missing")

// checkKeyed refuses what DynamoDB refuses in a partition key or in the key
// of an index: an empty value, or none.
func (t *Table[T]) checkKeyed(f *field, av types.AttributeValue) error {
	switch av := av.(type) {
	case *types.AttributeValueMemberS:
		if av.Value != "" {
			return nil
		}
	case *types.AttributeValueMemberB:
		if len(av.Value) > 0 {
			return nil
		}
	case *types.AttributeValueMemberNULL:
	default:
		return nil
	}
	keyed := f.Name == t.schema.Key.Name
	for _, i := range t.schema.Indexes {
		keyed = keyed || i.Hash == f.Name || i.Range == f.Name
	}
	if keyed {
		return errors.New("empty, but part of a key")
	}
	return nil
}

// decodeRecord returns the record of an item. Attributes that T does not have
// are passed over; of those it has, only the ones that present tells of need
// to be there.
func (t *Table[T]) decodeRecord(item Item, present func(attribute string) bool) (T, error) {
	var record T
	if u, ok := any(&record).(Upgrader); ok {
		item = u.UpgradeItem(item)
	}
	value := reflect.ValueOf(&record).Elem()
	for i := range t.fields {
		f := &t.fields[i]
		av, there := item[f.Name]
		if !there {
			if f.Required && present(f.Name) {
				return *new(T), t.corrupt(item, f.Name, errMissing)
			}
			continue
		}
		decoded, err := f.decode(av)
		if err != nil {
			return *new(T), t.corrupt(item, f.Name, err)
		}
		value.FieldByIndex(f.index).Set(decoded)
	}
	return record, nil
}

func (t *Table[T]) corrupt(item Item, attribute string, err error) error {
	return &CorruptError{t.schema.Table, keyText(item[t.schema.Key.Name]), Problem{attribute, err.Error()}}
}

func everyAttribute(string) bool { return true }

// keyText is a key for messages.
func keyText(key types.AttributeValue) string {
	switch key := key.(type) {
	case *types.AttributeValueMemberS:
		return fmt.Sprintf("%q", key.Value)
	case *types.AttributeValueMemberN:
		return key.Value
	}
	return "without a key"
}

// Upgrader is for a T whose table holds items of an older layout. UpgradeItem
// is called on the new record before anything is decoded into it, and returns
// the item to decode: the one it was given, which it must not change, or
// another one.
type Upgrader interface {
	UpgradeItem(Item) Item
}
