package enginetest

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// testIndexKeys writes what no index can hold, past T and its checks.
func testIndexKeys(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	engine := unwatched(t, h)
	for name, c := range map[string]struct {
		attribute string
		av        types.AttributeValue
		kind      error
	}{
		"a number as a text's hash":      {"state", number("1"), table.ErrInvalid},
		"a text as a number's range":     {"rank", text("1"), table.ErrInvalid},
		"a list as hash":                 {"team", list(text("x")), table.ErrInvalid},
		"a null as range":                {"at", &types.AttributeValueMemberNULL{Value: true}, table.ErrInvalid},
		"an empty hash":                  {"team", text(""), table.ErrInvalid},
		"an empty range":                 {"at", text(""), table.ErrInvalid},
		"a hash of more than 2,048":      {"team", text(strings.Repeat("x", 2049)), table.ErrTooLarge},
		"a range of more than 1,024":     {"at", text(strings.Repeat("x", 1025)), table.ErrTooLarge},
		"a hash of 2,048 bytes is fine":  {"team", text(strings.Repeat("x", 2048)), nil},
		"a range of 1,024 bytes is fine": {"at", text(strings.Repeat("é", 512)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			whole := table.Item{"id": text(name), "state": text("new"), "at": text("t"), "team": text("t"), "rank": number("1")}
			whole[c.attribute] = c.av
			err := engine.Put(t.Context(), jobs.Schema(), table.Put{Item: whole, Now: now})
			u := table.Update{Key: text(name + " updated"), Set: table.Item{c.attribute: c.av}, Now: now}
			put(t, h, jobs.Schema(), table.Item{"id": u.Key})
			_, updateErr := engine.Update(t.Context(), jobs.Schema(), u)
			if c.kind == nil {
				require.NoError(t, err)
				require.NoError(t, updateErr)
				require.Equal(t, whole, item(t, h, jobs.Schema(), name))
				return
			}
			require.ErrorIs(t, err, c.kind)
			require.ErrorIs(t, updateErr, c.kind)
		})
	}
}
