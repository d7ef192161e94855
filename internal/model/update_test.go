package model

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestARequestIDIsShortAndPlain(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"a", "A.b_c:d~e-9", strings.Repeat("x", 128)} {
		require.NoError(t, ValidateRequestID(id), id)
	}
	for _, id := range []string{"", strings.Repeat("x", 129), "a b", "a/b", "é", "a\x00", "a\n", "a%20", "a#", "a\xff"} {
		var invalid *ValidationError
		require.ErrorAs(t, ValidateRequestID(id), &invalid, id)
		require.Equal(t, "request_id", invalid.Problems[0].Field)
	}
}

func TestAnUpdateOutOfBoundsIsRefusedByField(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		update Update
		fields []string
	}{
		{"only a status", Update{Status: Started}, nil},
		{"no status", Update{}, []string{"status"}},
		{"an unknown status", Update{Status: "done"}, []string{"status"}},
		{"highest attempt", Update{Status: Started, Attempt: 1 << 53}, nil},
		{"attempt above", Update{Status: Started, Attempt: 1<<53 + 1}, []string{"attempt"}},
		{"attempt below", Update{Status: Started, Attempt: -1}, []string{"attempt"}},
		{"longest owner", Update{Status: Started, Owner: strings.Repeat("o", 256)}, nil},
		{"owner above", Update{Status: Started, Owner: strings.Repeat("o", 257)}, []string{"owner"}},
		{"a year between reports", Update{Status: Started, ReportEvery: 31536000}, nil},
		{"report_every above", Update{Status: Started, ReportEvery: 31536001}, []string{"report_every"}},
		{"report_every below", Update{Status: Started, ReportEvery: -1}, []string{"report_every"}},
		{"highest progress", Update{Status: Started, Progress: of(1<<53, 1<<53, "")}, nil},
		{"nothing of nothing", Update{Status: Started, Progress: of(0, 0, "")}, nil},
		{"something of nothing", Update{Status: Started, Progress: of(3, 0, "")}, []string{"progress.current"}},
		{"more than the total", Update{Status: Started, Progress: of(3, 2, "")}, []string{"progress.current"}},
		{"current above", Update{Status: Started, Progress: of(1<<53+2, 1<<53, "")}, []string{"progress.current"}},
		{"total above", Update{Status: Started, Progress: of(1, 1<<53+2, "")}, []string{"progress.total"}},
		{"negative numbers", Update{Status: Started, Progress: of(-1, -2, "")}, []string{"progress.current", "progress.total"}},
		{"no numbers", Update{Status: Started, Progress: of(math.NaN(), math.Inf(1), "")}, []string{"progress.current", "progress.total"}},
		{"an error with fail", Update{Status: Fail, Error: &Error{Code: "oom"}}, nil},
		{"an empty error with success", Update{Status: Success, Error: &Error{}}, nil},
		{"an exit code of 0 with success", Update{Status: Success, Error: &Error{ExitCode: new(int64(0))}}, nil},
		{"an exit code of 0 with fail", Update{Status: Fail, Error: &Error{ExitCode: new(int64(0))}}, nil},
		{"an exit code of 0 while running", Update{Status: InProgress, Error: &Error{ExitCode: new(int64(0))}}, []string{"error"}},
		{"another exit code with success", Update{Status: Success, Error: &Error{ExitCode: new(int64(1))}}, []string{"error"}},
		{"an exit code of 0 and more with success", Update{Status: Success, Error: &Error{Code: "x", ExitCode: new(int64(0))}}, []string{"error"}},
		{"an error with an unknown status", Update{Status: "x", Error: &Error{Code: "x"}}, []string{"status"}},
		{"lowest exit code", Update{Status: Fail, Error: &Error{ExitCode: new(int64(-1 << 31))}}, nil},
		{"highest exit code", Update{Status: Fail, Error: &Error{ExitCode: new(int64(1<<32 - 1))}}, nil},
		{"exit code below", Update{Status: Fail, Error: &Error{ExitCode: new(int64(-1<<31 - 1))}}, []string{"error.exit_code"}},
		{"exit code above", Update{Status: Fail, Error: &Error{ExitCode: new(int64(1 << 32))}}, []string{"error.exit_code"}},
		{
			"everything at once",
			Update{
				Status: "x", Attempt: -1, Progress: of(2, 1, ""), Error: &Error{ExitCode: new(int64(1 << 40))},
				Owner: strings.Repeat("o", 257), ReportEvery: -1,
			},
			[]string{"status", "attempt", "owner", "report_every", "progress.current", "error.exit_code"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			warnings, err := c.update.Normalize()
			require.Empty(t, warnings)
			if c.fields == nil {
				require.NoError(t, err)
				return
			}
			var invalid *ValidationError
			require.ErrorAs(t, err, &invalid)
			var fields []string
			for _, p := range invalid.Problems {
				fields = append(fields, p.Field)
				require.Contains(t, invalid.Error(), p.Field+" "+p.Message)
			}
			require.Equal(t, c.fields, fields)
		})
	}
}

func TestAStatusIsNormalizedToItsOwnName(t *testing.T) {
	t.Parallel()
	u := Update{Status: "FAILED"}
	_, err := u.Normalize()
	require.NoError(t, err)
	require.Equal(t, Fail, u.Status)
}

func TestAnErrorThatSaysNothingIsNone(t *testing.T) {
	t.Parallel()
	for _, u := range []Update{
		{Status: Fail, Error: &Error{}},
		{Status: Success, Error: &Error{}},
		{Status: Success, Error: &Error{ExitCode: new(int64(0))}},
	} {
		_, err := u.Normalize()
		require.NoError(t, err)
		require.Nil(t, u.Error)
	}
}

func TestNumbersThatCannotBeStoredBecomeZero(t *testing.T) {
	t.Parallel()
	u := Update{Status: Started, Progress: of(math.SmallestNonzeroFloat64, 1e-131, "")}
	_, err := u.Normalize()
	require.NoError(t, err)
	require.Equal(t, of(0, 0, ""), u.Progress)

	u.Progress.Current = math.Copysign(0, -1)
	_, err = u.Normalize()
	require.NoError(t, err)
	require.False(t, math.Signbit(u.Progress.Current))
}

func TestTextIsCutAtACharacterWithAMark(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 5000)
	u := Update{
		Status:   Fail,
		Progress: of(1, 2, long),
		Message:  &long,
		Error:    &Error{Code: long, Message: long},
		Metadata: map[string]string{long: long, "k": "v"},
	}
	warnings, err := u.Normalize()
	require.NoError(t, err)
	require.Equal(t, []string{
		"progress unit cut to 32 bytes",
		"message cut to 1024 bytes",
		"error code cut to 64 bytes",
		"error message cut to 4096 bytes",
		"metadata keys cut to 64 bytes",
		"metadata values cut to 512 bytes",
	}, warnings)
	cutTo := func(limit int) string { return strings.Repeat("ü", (limit-3)/2) + "…" }
	require.Equal(t, cutTo(32), u.Progress.Unit)
	require.Equal(t, cutTo(1024), *u.Message)
	require.Equal(t, Error{Code: cutTo(64), Message: cutTo(4096)}, *u.Error)
	require.Equal(t, map[string]string{cutTo(64): cutTo(512), "k": "v"}, u.Metadata)

	before := describe(u)
	warnings, err = u.Normalize()
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, before, describe(u), "nothing is left to cut")
}

func TestTextAtItsBoundIsKept(t *testing.T) {
	t.Parallel()
	exact := func(n int) string { return strings.Repeat("x", n) }
	message := exact(1024)
	u := Update{
		Status: Fail, Progress: &Progress{Unit: exact(32)}, Message: &message,
		Error:    &Error{Code: exact(64), Message: exact(4096)},
		Metadata: map[string]string{exact(64): exact(512)},
	}
	before := describe(u)
	warnings, err := u.Normalize()
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, before, describe(u))
}

func TestCutTextIsValidAndFits(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a€𝄞ü", 20)
	for limit := 3; limit <= len(text); limit++ {
		short, was := cut(text, limit)
		require.Equal(t, limit < len(text), was)
		require.LessOrEqual(t, len(short), limit)
		require.Greater(t, len(short), limit-4)
		require.True(t, utf8.ValidString(short))
	}
	short, _ := cut(strings.Repeat("\x80", 50), 32)
	require.Equal(t, "…", short, "text without a character's start does not panic")
}

func TestMetadataKeysThatBecomeTheSameAreResolvedByOrder(t *testing.T) {
	t.Parallel()
	prefix := strings.Repeat("k", 64)
	for range 20 { // maps are walked in any order
		u := Update{Status: Started, Metadata: map[string]string{"": "x"}}
		for i := range 10 {
			u.Metadata[fmt.Sprint(prefix, i)] = fmt.Sprint(i)
		}
		warnings, err := u.Normalize()
		require.NoError(t, err)
		require.Equal(t, []string{"metadata without a key dropped", "metadata keys cut to 64 bytes"}, warnings)
		require.Equal(t, map[string]string{prefix[:61] + "…": "0"}, u.Metadata)
	}
}

func TestNormalizeDoesNotWriteWhereTheUpdatePoints(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	given := Update{
		Status: "FAIL", Progress: of(1e-200, 1e-200, long), Message: &long,
		Error: &Error{Code: long, Message: long}, Metadata: map[string]string{long: long},
	}
	before := describe(given)
	u := given
	_, err := u.Normalize()
	require.NoError(t, err)
	require.Equal(t, before, describe(given))
	require.NotEqual(t, before, describe(u))
}
