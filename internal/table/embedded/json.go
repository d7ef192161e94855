package embedded

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/statusd/statusd/internal/table"
)

// The stored text of an item is the JSON of DynamoDB's own protocol. Every
// update writes one, so it is written by hand: encoding/json takes thirty
// times as long.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html

// appendItem appends an item's JSON, the key first and then by name.
func appendItem(b []byte, item table.Item, key string) []byte {
	names := make([]string, 0, len(item))
	for name := range item {
		if name != key {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	b = append(b, '{')
	if av, ok := item[key]; ok {
		b = appendMember(b, key, av)
	}
	for _, name := range names {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = appendMember(b, name, item[name])
	}
	return append(b, '}')
}

func appendMember(b []byte, name string, av types.AttributeValue) []byte {
	b = appendText(b, name)
	b = append(b, ':')
	return appendValue(b, av)
}

func appendValue(b []byte, av types.AttributeValue) []byte {
	switch av := av.(type) {
	case *types.AttributeValueMemberS:
		b = appendText(append(b, `{"S":`...), av.Value)
	case *types.AttributeValueMemberN:
		b = appendText(append(b, `{"N":`...), av.Value)
	case *types.AttributeValueMemberB:
		b = appendBinary(append(b, `{"B":`...), av.Value)
	case *types.AttributeValueMemberBOOL:
		b = append(b, `{"BOOL":`...)
		if av.Value {
			b = append(b, "true"...)
		} else {
			b = append(b, "false"...)
		}
	case *types.AttributeValueMemberNULL:
		b = append(b, `{"NULL":true`...)
	case *types.AttributeValueMemberM:
		b = appendMap(append(b, `{"M":`...), av.Value)
	case *types.AttributeValueMemberL:
		b = appendList(append(b, `{"L":`...), av.Value, appendValue)
	case *types.AttributeValueMemberSS:
		b = appendList(append(b, `{"SS":`...), av.Value, appendText)
	case *types.AttributeValueMemberNS:
		b = appendList(append(b, `{"NS":`...), av.Value, appendText)
	case *types.AttributeValueMemberBS:
		b = appendList(append(b, `{"BS":`...), av.Value, appendBinary)
	}
	return append(b, '}')
}

func appendMap(b []byte, m map[string]types.AttributeValue) []byte {
	return appendItem(b, m, "")
}

func appendList[T any](b []byte, list []T, one func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, v)
	}
	return append(b, ']')
}

func appendBinary(b []byte, data []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, data)
	return append(b, '"')
}

func appendText(b []byte, text string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	begun := 0 // what is not yet appended
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, text[begun:i]...), "\ufffd"...) // as the SDK sends it
				begun = i + 1
			}
			i += size
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			b = append(b, text[begun:i]...)
			if c < ' ' {
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			} else {
				b = append(b, '\\', c)
			}
			begun = i + 1
		}
		i++
	}
	b = append(b, text[begun:]...)
	return append(b, '"')
}

var errItem = errors.New("not an item in DynamoDB's JSON")

// parseItem reads an item's JSON, in whatever spacing and order.
func parseItem(text string) (table.Item, error) {
	p := &parser{rest: text}
	item, err := p.attributes(0)
	if err == nil && p.peek() != 0 {
		err = errItem
	}
	if err != nil {
		return nil, fmt.Errorf("%w, at byte %d", err, len(text)-len(p.rest))
	}
	return item, nil
}

type parser struct{ rest string }

// deepest is how deep attributes nest at most; DynamoDB allows 32 levels.
const deepest = 64

// peek returns the next character that is no space, 0 at the end.
func (p *parser) peek() byte {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	if p.rest == "" {
		return 0
	}
	return p.rest[0]
}

func (p *parser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) attributes(depth int) (table.Item, error) {
	if depth > deepest || !p.take('{') {
		return nil, errItem
	}
	item := make(table.Item, 16)
	if p.take('}') {
		return item, nil
	}
	for {
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		if !p.take(':') {
			return nil, errItem
		}
		if item[name], err = p.value(depth + 1); err != nil {
			return nil, err
		}
		if p.take('}') {
			return item, nil
		}
		if !p.take(',') {
			return nil, errItem
		}
	}
}

func (p *parser) value(depth int) (types.AttributeValue, error) {
	if depth > deepest || !p.take('{') {
		return nil, errItem
	}
	kind, err := p.text()
	if err != nil || !p.take(':') {
		return nil, errItem
	}
	av, err := p.content(kind, depth)
	if err == nil && !p.take('}') {
		err = errItem
	}
	return av, err
}

func (p *parser) content(kind string, depth int) (types.AttributeValue, error) {
	switch kind {
	case "S":
		text, err := p.text()
		return &types.AttributeValueMemberS{Value: text}, err
	case "N":
		text, err := p.number()
		return &types.AttributeValueMemberN{Value: text}, err
	case "B":
		data, err := p.binary()
		return &types.AttributeValueMemberB{Value: data}, err
	case "BOOL":
		truth, err := p.truth()
		return &types.AttributeValueMemberBOOL{Value: truth}, err
	case "NULL":
		truth, err := p.truth()
		return &types.AttributeValueMemberNULL{Value: truth}, err
	case "M":
		m, err := p.attributes(depth)
		return &types.AttributeValueMemberM{Value: m}, err
	case "L":
		list, err := parseList(p, func() (types.AttributeValue, error) { return p.value(depth + 1) })
		return &types.AttributeValueMemberL{Value: list}, err
	case "SS":
		list, err := parseList(p, p.text)
		return &types.AttributeValueMemberSS{Value: list}, err
	case "NS":
		list, err := parseList(p, p.number)
		return &types.AttributeValueMemberNS{Value: list}, err
	case "BS":
		list, err := parseList(p, p.binary)
		return &types.AttributeValueMemberBS{Value: list}, err
	}
	return nil, errItem
}

func parseList[T any](p *parser, one func() (T, error)) ([]T, error) {
	if !p.take('[') {
		return nil, errItem
	}
	list := []T{}
	if p.take(']') {
		return list, nil
	}
	for {
		v, err := one()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if p.take(']') {
			return list, nil
		}
		if !p.take(',') {
			return nil, errItem
		}
	}
}

// text reads a JSON string. One without escapes, as nearly all are, is a part
// of the text that is parsed.
func (p *parser) text() (string, error) {
	if p.peek() != '"' {
		return "", errItem
	}
	escaped := false
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			return "", errItem
		case c == '"':
			quoted := p.rest[:i+1]
			p.rest = p.rest[i+1:]
			if !escaped {
				return quoted[1:i], nil
			}
			var text string
			err := json.Unmarshal([]byte(quoted), &text)
			return text, err
		}
	}
	return "", errItem
}

func (p *parser) number() (string, error) {
	text, err := p.text()
	if err != nil {
		return "", err
	}
	return table.NormalizeNumber(text)
}

func (p *parser) binary() ([]byte, error) {
	text, err := p.text()
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(text)
}

func (p *parser) truth() (bool, error) {
	p.peek()
	for _, word := range []string{"true", "false"} {
		if after, ok := strings.CutPrefix(p.rest, word); ok {
			p.rest = after
			return word == "true", nil
		}
	}
	return false, errItem
}
