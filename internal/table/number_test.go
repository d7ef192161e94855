package table

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// numberText draws a number in any of its forms, often near the limits.
func numberText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		text := rapid.StringMatching(`[+-]?0{0,3}([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})`).Draw(t, "mantissa")
		if rapid.Bool().Draw(t, "in scientific notation") {
			exponent := rapid.OneOf(rapid.IntRange(-3, 3), rapid.IntRange(-175, 175)).Draw(t, "exponent")
			text += fmt.Sprintf("%c%+d", rapid.SampledFrom([]rune("eE")).Draw(t, "e"), exponent)
		}
		return text
	})
}

func exact(t require.TestingT, text string) *big.Rat {
	value, ok := new(big.Rat).SetString(text)
	require.True(t, ok, text)
	return value
}

func sign(order int) int { return min(max(order, -1), 1) }

func TestNumbersAreOrderedByValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := numberText().Draw(t, "a"), numberText().Draw(t, "b")
		if rapid.Bool().Draw(t, "the same number otherwise") {
			if normal, err := NormalizeNumber(a); err == nil {
				b = normal
			}
		}
		require.Equal(t, exact(t, a).Cmp(exact(t, b)), sign(CompareNumbers(a, b)))
		require.Equal(t, exact(t, b).Cmp(exact(t, a)), sign(CompareNumbers(b, a)))
		require.Zero(t, CompareNumbers(a, a))
	})
}

func TestANormalizedNumberIsTheSameInItsOneForm(t *testing.T) {
	t.Parallel()
	highest, lowest := exact(t, "1e126"), exact(t, "1e-130")
	rapid.Check(t, func(t *rapid.T) {
		given := numberText().Draw(t, "number")
		value := exact(t, given)
		digits := strings.Trim(strings.NewReplacer(".", "", "-", "", "+", "").Replace(strings.FieldsFunc(given, func(r rune) bool { return r == 'e' || r == 'E' })[0]), "0")
		magnitude := new(big.Rat).Abs(value)
		fits := value.Sign() == 0 || len(digits) <= 38 && magnitude.Cmp(highest) < 0 && magnitude.Cmp(lowest) >= 0

		normal, err := NormalizeNumber(given)
		require.Equal(t, fits, err == nil, "%v", err)
		if err != nil {
			return
		}
		require.Zero(t, exact(t, normal).Cmp(value))
		require.Regexp(t, `^(0|-?([1-9][0-9]*|(0|[1-9][0-9]*)\.[0-9]*[1-9]))$`, normal)
		again, err := NormalizeNumber(normal)
		require.NoError(t, err)
		require.Equal(t, normal, again)
	})
}

func TestNumbersAtTheLimits(t *testing.T) {
	t.Parallel()
	nines := strings.Repeat("9", 38)
	for given, want := range map[string]string{
		"0": "0", "-0": "0", "+0.000": "0", "0e500": "0", "1": "1", "+1": "1", "-01.10": "-1.1", "100": "100", "1e2": "100", "1E-2": "0.01",
		"5.": "5", ".5": "0.5", "12345678901234567890123456789012345678": "12345678901234567890123456789012345678",
		"0.12345678901234567890123456789012345678":     "0.12345678901234567890123456789012345678",
		"9." + nines[1:] + "e125":                      nines + strings.Repeat("0", 88),
		"-1e-130":                                      "-0." + strings.Repeat("0", 129) + "1",
		"1.000000000000000000000000000000000000000000": "1",
	} {
		got, err := NormalizeNumber(given)
		require.NoError(t, err, given)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{
		"1e126", "-1e126", "1e-131", nines + "1", "1." + nines, "", " ", "+", "-", ".", "e", "e5", "1e", "1e+", "1e1.5", "1.2.3", "--1", "+-1",
		"1 ", " 1", "1_000", "0x10", "NaN", "Inf", "-Infinity", "one", "1e99999999999999999999", "1e1001", "٣", "1,5",
	} {
		_, err := NormalizeNumber(bad)
		require.Error(t, err, "%q", bad)
	}
	require.Negative(t, CompareNumbers("x", "-1e125"), "what is no number is first")
	require.Positive(t, CompareNumbers("0", ""))
	require.Zero(t, CompareNumbers("x", "y"))
}
