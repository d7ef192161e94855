package table

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Schema is a table's shape, read once from the tags of a struct.
type Schema struct {
	Table      string
	Key        Attribute // the partition key; its type is S or N
	Indexes    []Index   // those that the struct declares
	Version    string    // the version attribute, "" if there is none
	TTL        string    // the time-to-live attribute, "" if there is none
	Attributes []Attribute
}

// Attribute is one named value of a record.
type Attribute struct {
	Name     string
	Type     string   // S, N, B, BOOL, M, L, SS, NS or BS
	Values   []string // of a categorical attribute: all that it may hold
	Required bool     // every record has it
}

// Attribute returns the attribute of that name.
func (s *Schema) Attribute(name string) (Attribute, bool) {
	at := slices.IndexFunc(s.Attributes, func(a Attribute) bool { return a.Name == name })
	if at < 0 {
		return Attribute{}, false
	}
	return s.Attributes[at], true
}

// Enums returns the categorical attributes and their values.
func (s *Schema) Enums() map[string][]string {
	enums := make(map[string][]string)
	for _, a := range s.Attributes {
		if a.Values != nil {
			enums[a.Name] = slices.Clone(a.Values)
		}
	}
	return enums
}

// Check tells in what a table that was described differs from the declaration,
// as a *SchemaError: in its key, or in an index that it lacks or that is another
// one.
func (s *Schema) Check(d Description) error {
	if d.Key.Name != s.Key.Name || d.Key.Type != s.Key.Type {
		return &SchemaError{d.Table, fmt.Sprintf("its key is %s (%s), not %s (%s)", d.Key.Name, d.Key.Type, s.Key.Name, s.Key.Type)}
	}
	for _, declared := range s.Indexes {
		at := slices.IndexFunc(d.Indexes, func(i IndexDescription) bool { return i.Name == declared.Name })
		switch {
		case at < 0:
			return &SchemaError{d.Table, "it has no index " + declared.String()}
		case !d.Indexes[at].Equal(declared):
			return &SchemaError{d.Table, fmt.Sprintf("it has index %s, not %s", d.Indexes[at].Index, declared)}
		}
	}
	return nil
}

// Projection is which attributes an index holds beside the keys.
type Projection string

// The projections of an index.
const (
	ProjectAll      Projection = "ALL"
	ProjectKeysOnly Projection = "KEYS_ONLY"
	ProjectInclude  Projection = "INCLUDE"
)

// Index is a global secondary index.
type Index struct {
	Name       string
	Hash       string
	Range      string     // "" for none
	Projection Projection // "" means ALL
	Include    []string   // with ProjectInclude alone
}

// Holds tells whether the index carries the attribute.
func (i Index) Holds(s *Schema, attribute string) bool {
	return i.Projection == ProjectAll || attribute == s.Key.Name || attribute == i.Hash ||
		attribute == i.Range || slices.Contains(i.Include, attribute)
}

// Equal tells whether two indexes are the same.
func (i Index) Equal(o Index) bool {
	return i.Name == o.Name && i.Hash == o.Hash && i.Range == o.Range && i.Projection == o.Projection &&
		slices.Equal(slices.Sorted(slices.Values(i.Include)), slices.Sorted(slices.Values(o.Include)))
}

// String is the index in words, for messages.
func (i Index) String() string {
	text := fmt.Sprintf("%s (hash %s", i.Name, i.Hash)
	if i.Range != "" {
		text += ", range " + i.Range
	}
	text += ", " + string(i.Projection)
	if len(i.Include) > 0 {
		text += " " + strings.Join(i.Include, " ")
	}
	return text + ")"
}

// checkIndex completes an index and tests it against the schema.
func (s *Schema) checkIndex(i Index) (Index, error) {
	if i.Projection == "" {
		i.Projection = ProjectAll
	}
	switch i.Projection {
	case ProjectAll, ProjectKeysOnly:
		if len(i.Include) > 0 {
			return i, fmt.Errorf("index %s: includes attributes, but projects %s", i.Name, i.Projection)
		}
	case ProjectInclude:
		if len(i.Include) == 0 {
			return i, fmt.Errorf("index %s: includes no attribute", i.Name)
		}
	default:
		return i, fmt.Errorf("index %s: no such projection: %s", i.Name, i.Projection)
	}
	if !validName(i.Name) {
		return i, fmt.Errorf("index %q: a name has 3 to 255 characters of A-Z a-z 0-9 _ . -", i.Name)
	}
	if i.Hash == "" {
		return i, fmt.Errorf("index %s: has no hash attribute", i.Name)
	}
	if i.Hash == i.Range {
		return i, fmt.Errorf("index %s: %s is both hash and range", i.Name, i.Hash)
	}
	keys := []string{i.Hash}
	if i.Range != "" {
		keys = append(keys, i.Range)
	}
	for _, name := range keys {
		a, ok := s.Attribute(name)
		if !ok {
			return i, fmt.Errorf("index %s: there is no attribute %q", i.Name, name)
		}
		if a.Type != "S" && a.Type != "N" && a.Type != "B" {
			return i, fmt.Errorf("index %s: attribute %s is a %s; keys are S, N or B", i.Name, name, a.Type)
		}
	}
	for at, name := range i.Include {
		if _, ok := s.Attribute(name); !ok {
			return i, fmt.Errorf("index %s: there is no attribute %q to include", i.Name, name)
		}
		if slices.Contains(i.Include[:at], name) {
			return i, fmt.Errorf("index %s: includes %s twice", i.Name, name)
		}
	}
	return i, nil
}

// validName tests the name of a table or index by DynamoDB's naming rules.
func validName(name string) bool {
	return len(name) >= 3 && len(name) <= 255 && strings.Trim(name,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == ""
}

// readSchema reads the schema and the codec of each attribute from the tags
// of a struct type. See [New] for the tags.
func readSchema(name string, t reflect.Type) (*Schema, []field, error) {
	if !validName(name) {
		return nil, nil, fmt.Errorf("table %q: a name has 3 to 255 characters of A-Z a-z 0-9 _ . -", name)
	}
	if t.Kind() != reflect.Struct {
		return nil, nil, fmt.Errorf("table %s: %s is no struct", name, t)
	}
	fields, err := readFields(t, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("table %s: %w", name, err)
	}
	fields = dropShadowed(fields)
	s := &Schema{Table: name}
	for i := range fields {
		if slices.ContainsFunc(fields[:i], func(f field) bool { return f.Name == fields[i].Name }) {
			return nil, nil, fmt.Errorf("table %s: field %s: a second attribute %s", name, fields[i].path, fields[i].Name)
		}
		s.Attributes = append(s.Attributes, fields[i].Attribute)
	}
	for _, f := range fields {
		if err := s.applyTag(f); err != nil {
			return nil, nil, fmt.Errorf("table %s: field %s: %w", name, f.path, err)
		}
	}
	if s.Key.Name == "" {
		return nil, nil, fmt.Errorf(`table %s: no field of %s is tagged table:"key"`, name, t)
	}
	for i, index := range s.Indexes {
		if s.Indexes[i], err = s.checkIndex(index); err != nil {
			holder := slices.IndexFunc(fields, func(f field) bool { return f.Name == cmp.Or(index.Hash, index.Range) })
			return nil, nil, fmt.Errorf("table %s: field %s: %w", name, fields[holder].path, err)
		}
	}
	return s, fields, nil
}

// readFields collects the attributes of a struct, those of embedded structs
// among them, by the rules of attributevalue.
func readFields(t reflect.Type, index []int) ([]field, error) {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(slices.Clone(index), i)
		tag, tagged := f.Tag.Lookup("dynamodbav")
		name, options, _ := strings.Cut(tag, ",")
		if name == "-" {
			if f.Tag.Get("table") != "" {
				return nil, fmt.Errorf("field %s: tagged for the table, but not stored", f.Name)
			}
			continue
		}
		if f.Anonymous && name == "" {
			if f.Type.Kind() == reflect.Pointer {
				return nil, fmt.Errorf("field %s: embedded by pointer", f.Name)
			}
			if f.Type.Kind() == reflect.Struct {
				inner, err := readFields(f.Type, at)
				if err != nil {
					return nil, err
				}
				fields = append(fields, inner...)
				continue
			}
		}
		if !f.IsExported() {
			if tagged || f.Tag.Get("table") != "" {
				return nil, fmt.Errorf("field %s: tagged, but not exported", f.Name)
			}
			continue
		}
		one, err := newField(f, name, options, at)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		fields = append(fields, one)
	}
	return fields, nil
}

// dropShadowed leaves of several attributes of one name the one that is
// embedded least deeply, as Go's own selectors do.
func dropShadowed(fields []field) []field {
	return slices.DeleteFunc(slices.Clone(fields), func(f field) bool {
		return slices.ContainsFunc(fields, func(o field) bool {
			return o.Name == f.Name && len(o.index) < len(f.index)
		})
	})
}

// applyTag takes up what a field's table tag says.
func (s *Schema) applyTag(f field) error {
	if f.tag == "" {
		return nil
	}
	for _, word := range strings.Split(f.tag, ",") {
		verb, argument, _ := strings.Cut(strings.TrimSpace(word), "=")
		switch verb {
		case "key":
			if s.Key.Name != "" {
				return fmt.Errorf("a second key, beside %s", s.Key.Name)
			}
			integer := f.kind >= reflect.Int && f.kind <= reflect.Uint64
			if f.Type != "S" && !(f.Type == "N" && integer) || f.Values != nil || f.isTime || f.pointer {
				return errors.New("a partition key is a string or an integer")
			}
			if !f.Required {
				return errors.New("a partition key can't be omitted when empty")
			}
			s.Key = f.Attribute
		case "version":
			if s.Version != "" {
				return fmt.Errorf("a second version, beside %s", s.Version)
			}
			if f.Type != "N" || f.kind < reflect.Int || f.kind > reflect.Uint64 {
				return errors.New("a version is an integer")
			}
			s.Version = f.Name
		case "ttl":
			if s.TTL != "" {
				return fmt.Errorf("a second time to live, beside %s", s.TTL)
			}
			if f.Type != "N" {
				return errors.New("a time to live is a number of epoch seconds")
			}
			s.TTL = f.Name
		case "index":
			if err := s.applyIndexTag(f, argument); err != nil {
				return err
			}
		case "range":
			i := s.declaredIndex(argument)
			if i.Range != "" {
				return fmt.Errorf("a second range of index %s, beside %s", i.Name, i.Range)
			}
			i.Range = f.Name
		default:
			return fmt.Errorf("table tag %q: not key, version, ttl, index=NAME or range=NAME", word)
		}
	}
	return nil
}

// applyIndexTag reads NAME, NAME:all, NAME:keys_only or NAME:include(a b).
func (s *Schema) applyIndexTag(f field, argument string) error {
	name, projection, _ := strings.Cut(argument, ":")
	i := s.declaredIndex(name)
	if i.Hash != "" {
		return fmt.Errorf("a second hash of index %s, beside %s", name, i.Hash)
	}
	i.Hash = f.Name
	names, include := strings.CutPrefix(projection, "include(")
	switch {
	case projection == "" || projection == "all":
		i.Projection = ProjectAll
	case projection == "keys_only":
		i.Projection = ProjectKeysOnly
	case include && strings.HasSuffix(names, ")"):
		i.Projection = ProjectInclude
		i.Include = strings.Fields(strings.TrimSuffix(names, ")"))
	default:
		return fmt.Errorf("index %s: projection %q is not all, keys_only or include(a b)", name, projection)
	}
	return nil
}

func (s *Schema) declaredIndex(name string) *Index {
	at := slices.IndexFunc(s.Indexes, func(i Index) bool { return i.Name == name })
	if at < 0 {
		s.Indexes = append(s.Indexes, Index{Name: name})
		at = len(s.Indexes) - 1
	}
	return &s.Indexes[at]
}

var timeType = reflect.TypeFor[time.Time]()

// TypeOf names the attribute type of a value, NULL included: S, N, B, BOOL, M,
// L, SS, NS or BS.
func TypeOf(v types.AttributeValue) string {
	switch v.(type) {
	case *types.AttributeValueMemberS:
		return "S"
	case *types.AttributeValueMemberN:
		return "N"
	case *types.AttributeValueMemberB:
		return "B"
	case *types.AttributeValueMemberBOOL:
		return "BOOL"
	case *types.AttributeValueMemberM:
		return "M"
	case *types.AttributeValueMemberL:
		return "L"
	case *types.AttributeValueMemberSS:
		return "SS"
	case *types.AttributeValueMemberNS:
		return "NS"
	case *types.AttributeValueMemberBS:
		return "BS"
	case *types.AttributeValueMemberNULL:
		return "NULL"
	}
	return "unknown"
}
