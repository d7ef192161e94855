package enginetest

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// testIndexKeys writes what no index can hold, past T and its checks. It says
// nothing of values that are too long: DynamoDB refuses them, but not all the
// servers that stand in for it do.
func testIndexKeys(t *testing.T, h Harness) {
	jobs := jobs(t, h)
	engine := unwatched(t, h)
	for name, c := range map[string]struct {
		attribute string
		av        types.AttributeValue
		fits      bool
	}{
		"a number as a text's hash":      {"state", number("1"), false},
		"a text as a number's range":     {"rank", text("1"), false},
		"a list as hash":                 {"team", list(text("x")), false},
		"a null as range":                {"at", &types.AttributeValueMemberNULL{Value: true}, false},
		"an empty hash":                  {"team", text(""), false},
		"an empty range":                 {"at", text(""), false},
		"a hash of 2,048 bytes is fine":  {"team", text(strings.Repeat("x", 2048)), true},
		"a range of 1,024 bytes is fine": {"at", text(strings.Repeat("é", 512)), true},
	} {
		t.Run(name, func(t *testing.T) {
			whole := table.Item{"id": text(name), "state": text("new"), "at": text("t"), "team": text("t"), "rank": number("1")}
			whole[c.attribute] = c.av
			err := engine.Put(t.Context(), jobs.Schema(), table.Put{Item: whole, Now: now})
			u := table.Update{Key: text(name + " updated"), Set: table.Item{c.attribute: c.av}, Now: now}
			put(t, h, jobs.Schema(), table.Item{"id": u.Key})
			_, updateErr := engine.Update(t.Context(), jobs.Schema(), u)
			if c.fits {
				require.NoError(t, err)
				require.NoError(t, updateErr)
				require.Equal(t, whole, item(t, h, jobs.Schema(), name))
				return
			}
			require.ErrorIs(t, err, table.ErrInvalid)
			require.ErrorIs(t, updateErr, table.ErrInvalid)
		})
	}
}
