package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTraceparentIsTakenUpOnlyIfItIsOne(t *testing.T) {
	t.Parallel()
	const id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for name, test := range map[string]struct {
		header string
		want   bool
	}{
		"as the standard has it":     {"00-" + id + "-" + parent + "-01", true},
		"of a later version":         {"cc-" + id + "-" + parent + "-01", true},
		"of a later version, longer": {"cc-" + id + "-" + parent + "-01-what", true},
		"none":                       {"", false},
		"longer":                     {"00-" + id + "-" + parent + "-01-what", false},
		"longer, without a dash":     {"cc-" + id + "-" + parent + "-01what", false},
		"shorter":                    {"00-" + id + "-" + parent + "-0", false},
		"of no version":              {"ff-" + id + "-" + parent + "-01", false},
		"in capitals":                {"00-" + strings.ToUpper(id) + "-" + parent + "-01", false},
		"with a trace of zeros":      {"00-" + strings.Repeat("0", 32) + "-" + parent + "-01", false},
		"with a parent of zeros":     {"00-" + id + "-" + strings.Repeat("0", 16) + "-01", false},
		"with other dashes":          {"00_" + id + "_" + parent + "_01", false},
		"with flags that are none":   {"00-" + id + "-" + parent + "-0x", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := continued(test.header)
			if test.want {
				require.Equal(t, trace{id: id, flags: "01"}, got)
			} else {
				require.NotEqual(t, id, got.id)
			}
			answered, ok := parseTraceparent(got.traceparent())
			require.True(t, ok, "what is answered is valid: %s", got.traceparent())
			require.Equal(t, got, answered)
		})
	}
}
