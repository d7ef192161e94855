package auth

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzToken(f *testing.F) {
	now := time.Now()
	keys := NewKey(now)
	a := lasting(&now)
	require.NoError(f, a.SetKeys([]byte(keys)))
	token, line, err := NewToken(TokenLine{Name: "ci", Scope: "write"})
	require.NoError(f, err)
	text, err := json.Marshal(line)
	require.NoError(f, err)
	require.NoError(f, a.SetTokens(text))
	signed, err := Issue([]byte(keys), Grant{Scope: Write, Bound: Bound{Job: "a"}, Expires: now.Add(time.Hour)}, now)
	require.NoError(f, err)
	for _, one := range []string{
		"", ".", "..", "...", token, signed, signed + ".", "e30.e30.", "eyJ0eXAiOiJzdGF0dXNkK2p3dCJ9.e30.e30",
		"eyJhbGciOiJub25lIiwidHlwIjoic3RhdHVzZCtqd3QifQ.e30.", "eyJ0eXAiOjd9.e30.e30", signed[:len(signed)-1], "\x00.\xff",
	} {
		f.Add(one)
	}
	f.Fuzz(func(t *testing.T, guess string) {
		c, err := a.Check(t.Context(), guess)
		if err == nil {
			// Whoever finds another one has broken it. (The last character of a
			// signature holds four bits of it, and two of nothing.)
			require.True(t, guess == token || len(guess) == len(signed) && guess[:len(guess)-1] == signed[:len(signed)-1])
			require.True(t, c.Valid(now))
			return
		}
		require.Nil(t, c)
		require.True(t, errors.Is(err, ErrInvalid) || errors.Is(err, ErrExpired), "%v", err)
	})
}

func FuzzTokenFile(f *testing.F) {
	for _, text := range []string{
		"", "# nothing\n", `{"name":"ci","sha256":"a208235f8c26ae8c32e2643b4445f0e6935bc7d54138efb0f83853e2c9753595","scope":"admin"}`,
		`{"name":"ci","sha256":"A208235F8c26ae8c32e2643b4445f0e6935bc7d54138efb0f83853e2c9753595","scope":"read","owner":"a\u0000b","expires":"2026-01-01T00:00:00+01:00"}`,
		"{}", "{\n}", "null", "[]", `{"name":"ci"}{"name":"ci"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		all, err := parseTokens(file)
		if err != nil {
			require.ErrorContains(t, err, "line ")
			return
		}
		var again []byte
		for _, e := range slices.Concat(slices.Collect(maps.Values(all))...) {
			require.NotEmpty(t, e.credential.Name)
			require.True(t, Read <= e.credential.Scope && e.credential.Scope <= Admin)
			require.NoError(t, e.credential.Bound.validate())
			line, err := json.Marshal(e.line)
			require.NoError(t, err)
			again = append(append(again, line...), '\n')
		}
		reread, err := parseTokens(again)
		require.NoError(t, err, "%s", again)
		require.Len(t, reread, len(all))
	})
}

func FuzzKeyFile(f *testing.F) {
	f.Add([]byte(NewKey(time.Now())))
	for _, text := range []string{"", "a", "a b", "# a b", "a AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\na b", "\xff AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		all, err := parseKeys(file)
		if err != nil {
			return
		}
		require.NotEmpty(t, all)
		for _, k := range all {
			require.GreaterOrEqual(t, len(k.secret), keyBytes)
			require.Same(t, k, all.find(k.id))
		}
		now := time.Now()
		g := Grant{Scope: Read, Bound: Bound{Job: "a"}, Expires: now.Add(time.Hour)}
		token, err := Issue(file, g, now)
		require.NoError(t, err)
		a := New(nil)
		require.NoError(t, a.SetKeys(file))
		c, err := a.Check(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, g.Bound, c.Bound)
	})
}
