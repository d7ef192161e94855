package dynamo

import (
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// TestATextOfDynamoDBTellsWhatIsTooLarge has texts that AWS answers with; not
// every server that stands for it makes all of them.
func TestATextOfDynamoDBTellsWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	for text, kind := range map[string]error{
		"Item size has exceeded the maximum allowed size":                                                                        table.ErrTooLarge,
		"Item size to update has exceeded the maximum allowed size":                                                              table.ErrTooLarge,
		"One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes":            table.ErrTooLarge,
		"One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes": table.ErrTooLarge,
		"Invalid ConditionExpression: Expression size has exceeded the maximum allowed size; expression size: 9000":              table.ErrInvalid,
		"Nesting Levels have exceeded supported limits: Attributes nested beyond 32 levels":                                      table.ErrInvalid,
		"One or more parameter values were invalid: Type mismatch for key id expected: S actual: N":                              table.ErrInvalid,
		"Attempting to store more than 38 significant digits in a Number":                                                        table.ErrInvalid,
	} {
		err := translate("PutItem", "jobs", &smithy.GenericAPIError{Code: "ValidationException", Message: text}, false)
		require.ErrorIs(t, err, kind, text)
		require.ErrorContains(t, err, text)
		require.ErrorContains(t, err, "jobs")
	}
}
