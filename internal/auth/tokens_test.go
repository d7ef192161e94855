package auth

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// made makes a token and its line.
func made(t *testing.T, line TokenLine) (token, text string) {
	t.Helper()
	token, line, err := NewToken(line)
	require.NoError(t, err)
	raw, err := json.Marshal(line)
	require.NoError(t, err)
	return token, string(raw) + "\n"
}

// lasting is an Authenticator whose clock is told.
func lasting(now *time.Time) *Authenticator {
	a := New(nil)
	a.clock = func() time.Time { return *now }
	return a
}

func TestATokenOfTheFileIsGoodForWhatItsLineSays(t *testing.T) {
	t.Parallel()
	now := time.Now()
	end := now.Add(time.Hour).Truncate(time.Second)
	a := lasting(&now)
	ci, first := made(t, TokenLine{Name: "ci", Scope: "write", Bound: Bound{Prefix: "ci-"}, Expires: end})
	root, second := made(t, TokenLine{Name: "root", Scope: "admin"})
	require.NotContains(t, first, strings.TrimPrefix(ci, tokenPrefix), "only its hash is kept")
	require.NoError(t, a.SetTokens([]byte("# ours\n\n"+first+second)))

	c, err := a.Check(t.Context(), ci)
	require.NoError(t, err)
	require.Equal(t, "token:ci", c.Name)
	require.Equal(t, Write, c.Scope)
	require.Equal(t, Bound{Prefix: "ci-"}, c.Bound)
	require.True(t, end.Equal(c.Expires))
	c, err = a.Check(t.Context(), root)
	require.NoError(t, err)
	require.Equal(t, Admin, c.Scope)
	require.True(t, c.Bound.None())

	for _, wrong := range []string{"", "x", ci + "x", ci[:len(ci)-1], strings.ToUpper(ci), strings.Repeat("a", tokenMost+1)} {
		_, err = a.Check(t.Context(), wrong)
		require.ErrorIs(t, err, ErrInvalid)
	}
	now = end
	_, err = a.Check(t.Context(), ci)
	require.ErrorIs(t, err, ErrExpired)
}

func TestANewFileEndsTheTokensThatItLacksAndNoOthers(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a := lasting(&now)
	old, first := made(t, TokenLine{Name: "ci", Scope: "write"})
	kept, second := made(t, TokenLine{Name: "web", Scope: "read", Expires: now.Add(time.Hour)})
	next, third := made(t, TokenLine{Name: "ci", Scope: "write"})
	require.NoError(t, a.SetTokens([]byte(first+second)))
	ended, err := a.Check(t.Context(), old)
	require.NoError(t, err)
	stays, err := a.Check(t.Context(), kept)
	require.NoError(t, err)

	require.NoError(t, a.SetTokens([]byte(first+second+third)))
	for _, token := range []string{old, kept, next} {
		_, err = a.Check(t.Context(), token)
		require.NoError(t, err, "while it is exchanged, both are good")
	}
	require.NoError(t, a.SetTokens([]byte(third+second)))
	_, err = a.Check(t.Context(), old)
	require.ErrorIs(t, err, ErrInvalid)
	require.False(t, ended.Valid(now), "whoever streams by it learns of it")
	require.True(t, stays.Valid(now))

	require.Error(t, a.SetTokens([]byte(third+"{}\n")))
	_, err = a.Check(t.Context(), kept)
	require.NoError(t, err, "a file that is no good changes nothing")
}

func TestALineThatChangesIsAnotherCredential(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a := lasting(&now)
	token, line := made(t, TokenLine{Name: "ci", Scope: "admin"})
	require.NoError(t, a.SetTokens([]byte(line)))
	before, err := a.Check(t.Context(), token)
	require.NoError(t, err)
	require.NoError(t, a.SetTokens([]byte(strings.Replace(line, "admin", "read", 1))))
	after, err := a.Check(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, Read, after.Scope)
	require.False(t, before.Valid(now))
}

func TestEveryFaultOfATokenFileIsToldByLine(t *testing.T) {
	t.Parallel()
	_, good := made(t, TokenLine{Name: "ci", Scope: "write"})
	hash := strings.Repeat("0", 64)
	for line, complaint := range map[string]string{
		"ci":                             "invalid character",
		good[:len(good)-1] + "{}":        "something after",
		good[:len(good)-1] + "\n" + good: "there twice",
		`{"name":"a","scope":"write"}`:   "sha256",
		`{"name":"a","sha256":"` + hash + `","scope":"root"}`:                                            `the scope is "root"`,
		`{"name":"a","sha256":"` + hash + `","scope":"read","jobs":"x"}`:                                 "unknown field",
		`{"name":"","sha256":"` + hash + `","scope":"read"}`:                                             "the name",
		`{"name":"a","sha256":"` + hash[1:] + `","scope":"read"}`:                                        "64 hex",
		`{"name":"a","sha256":"` + hash + `","scope":"read","job":"x","owner":"y"}`:                      "only one of",
		`{"name":"a","sha256":"` + hash + `","scope":"read","job":"a b"}`:                                "request_id",
		`{"name":"a","sha256":"` + hash + `","scope":"read","expires":"tomorrow"}`:                       "parsing time",
		`{"name":"a","sha256":"` + hash + `","scope":"read","owner":"` + strings.Repeat("o", 257) + `"}`: "owner",
	} {
		err := New(nil).SetTokens([]byte("# first\n" + line + "\nlast\n"))
		require.ErrorContains(t, err, complaint, line)
		require.Regexp(t, "line [23]: ", err.Error(), line)
		require.ErrorContains(t, err, "invalid character 'l'", "the last line's fault as well")
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	require.True(t, Bound{}.MayHave("anything"))
	require.True(t, Bound{Job: "a"}.MayHave("a"))
	require.False(t, Bound{Job: "a"}.MayHave("ab"))
	require.True(t, Bound{Prefix: "a"}.MayHave("ab"))
	require.False(t, Bound{Prefix: "ab"}.MayHave("a"))
	require.True(t, Bound{Owner: "alice"}.MayHave("anything"), "the record will tell")
}
