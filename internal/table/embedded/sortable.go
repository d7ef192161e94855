package embedded

import (
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// column is a key's value in the form of its SQLite column, which sorts as
// DynamoDB sorts: text and binary by bytes, numbers by value.
func column(av types.AttributeValue) driver.Value {
	switch av := av.(type) {
	case *types.AttributeValueMemberS:
		return utf8Text(av.Value)
	case *types.AttributeValueMemberB:
		return av.Value
	case *types.AttributeValueMemberN:
		return sortable(av.Value)
	}
	return nil
}

// sortable writes a normalized number, of up to 38 digits, as a text that
// sorts by value: its sign, its magnitude as a power of ten, its digits; the
// latter two turned round for a negative one, and closed by what is greater
// than any digit, since -15 is below -1 though 15 follows 1.
func sortable(n string) string {
	rest, negative := strings.CutPrefix(n, "-")
	whole, fraction, _ := strings.Cut(rest, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "1"
	}
	magnitude := 500 + len(whole) - (len(whole+fraction) - len(digits))
	digits = strings.TrimRight(digits, "0")
	if !negative {
		return fmt.Sprintf("2%03d%s", magnitude, digits)
	}
	turned := []byte(digits)
	for i, c := range turned {
		turned[i] = '0' + '9' - c
	}
	return fmt.Sprintf("0%03d%s~", 999-magnitude, turned)
}
