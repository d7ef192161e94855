package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTextIsChosenOnlyWherePreferred(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"*/*":                                false,
		"application/json":                   false,
		"text/plain":                         true,
		"TEXT/PLAIN":                         true,
		"text/plain; charset=utf-8":          true,
		"text/*":                             true,
		"text/html, */*;q=0.8":               false,
		"text/plain, application/json":       false,
		"text/plain, application/json;q=0.9": true,
		"text/plain;q=0.5, */*;q=0.1":        true,
		"text/plain;q=0.5, */*":              false,
		"text/*;q=0.9, text/plain;q=0.1, application/json;q=0.5": false,
		"application/problem+json, text/plain;q=0.5":             false,
		"text/plain;q=0":        false,
		"text/plain;q=2":        false,
		"text/plain;q=nan":      false,
		"image/png":             false,
		"":                      false,
		",;,":                   false,
		"text/plain ; q = 0.7 ": true,
	} {
		require.Equal(t, want, wantsText([]string{header}), header)
	}
	require.False(t, wantsText(nil))
	require.True(t, wantsText([]string{"text/plain", "application/json;q=0.9"}), "lines add up")
}

func FuzzAccept(f *testing.F) {
	f.Add("text/plain;q=0.5, */*;q=0.1")
	f.Fuzz(func(t *testing.T, header string) {
		wantsText([]string{header})
	})
}
