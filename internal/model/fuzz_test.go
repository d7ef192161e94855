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
		err := ValidateRequestID(id)
		require.Equal(t, allowed.MatchString(id), err == nil, "%q", id)
		if err != nil {
			var invalid *ValidationError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, "request_id", invalid.Problems[0].Field)
			return
		}
		require.Equal(t, id, url.PathEscape(id), "it needs no escape in an address")
		back, err := url.PathUnescape(id)
		require.NoError(t, err)
		require.Equal(t, id, back)
	})
}
