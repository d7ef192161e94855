package model

import (
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzRequestID(f *testing.F) {
	for _, id := range []string{"", "a", "bert-17", "a.b_c:d~e-f", "a/b", "../a", "%2e", "a b", "\x00", "é", "\u202e", "\xff", string(make([]byte, 200))} {
		f.Add(id)
	}
	allowed := regexp.MustCompile(`\A[A-Za-z0-9._:~-]{1,128}\z`)
	f.Fuzz(func(t *testing.T, id string) {
		accepted := ValidateRequestID(id) == nil
		require.Equal(t, allowed.MatchString(id), accepted, "%q", id)
		if accepted {
			require.Equal(t, id, url.PathEscape(id), "it needs no escape in an address")
		}
	})
}
