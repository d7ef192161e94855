package table

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// DynamoDB's limits for numbers, from its developer guide ("Supported data
// types"): 38 significant digits, magnitudes from 1E-130 to 9.9...E+125.
const (
	numberDigits  = 38
	numberHighest = 125
	numberLowest  = -130
)

// EpochSeconds is how a time to live is written.
func EpochSeconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// decimal is a number taken apart: its digits without zeros at either end,
// and the power of ten of the first of them. Zero has no digits.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

var errNumber = errors.New("not a number")

func parseDecimal(text string) (decimal, error) {
	var d decimal
	rest := text
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		d.negative = rest[0] == '-'
		rest = rest[1:]
	}
	mantissa, power := rest, 0
	if at := strings.IndexAny(rest, "eE"); at >= 0 {
		var err error
		if power, err = strconv.Atoi(rest[at+1:]); err != nil || power > 1000 || power < -1000 {
			return d, errNumber
		}
		mantissa = rest[:at]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return d, errNumber
	}
	significant := strings.TrimLeft(digits, "0")
	d.exponent = len(whole) - (len(digits) - len(significant)) - 1 + power
	d.digits = strings.TrimRight(significant, "0")
	if d.digits == "" {
		return decimal{}, nil
	}
	return d, nil
}

// CompareNumbers orders two attribute values of type N by value. What is no
// number sorts first.
func CompareNumbers(a, b string) int {
	x, errA := parseDecimal(a)
	y, errB := parseDecimal(b)
	switch {
	case errA != nil || errB != nil:
		return strings.Compare(boolText(errA == nil), boolText(errB == nil))
	case x.negative != y.negative:
		if x.negative {
			return -1
		}
		return 1
	}
	order := x.compareMagnitude(y)
	if x.negative {
		return -order
	}
	return order
}

func boolText(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func (d decimal) compareMagnitude(o decimal) int {
	switch {
	case d.digits == "" || o.digits == "":
		return len(d.digits) - len(o.digits)
	case d.exponent != o.exponent:
		return d.exponent - o.exponent
	}
	return strings.Compare(d.digits, o.digits)
}

// NormalizeNumber writes a number as DynamoDB gives it back: no exponent, no
// needless zeros. A number outside DynamoDB's range or precision, or none at
// all, is an error that says so.
func NormalizeNumber(text string) (string, error) {
	d, err := parseDecimal(text)
	switch {
	case err != nil:
		return "", errNumber
	case d.digits == "":
		return "0", nil
	case len(d.digits) > numberDigits:
		return "", errors.New("a number of more than 38 significant digits")
	case d.exponent > numberHighest:
		return "", errors.New("a number of 1E+126 or more")
	case d.exponent < numberLowest:
		return "", errors.New("a number below 1E-130")
	}
	var b strings.Builder
	if d.negative {
		b.WriteByte('-')
	}
	switch {
	case d.exponent < 0:
		b.WriteString("0.")
		b.WriteString(strings.Repeat("0", -d.exponent-1))
		b.WriteString(d.digits)
	case len(d.digits) <= d.exponent+1:
		b.WriteString(d.digits)
		b.WriteString(strings.Repeat("0", d.exponent+1-len(d.digits)))
	default:
		b.WriteString(d.digits[:d.exponent+1])
		b.WriteByte('.')
		b.WriteString(d.digits[d.exponent+1:])
	}
	return b.String(), nil
}
