package dynamo_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/dynamotest"
	"github.com/statusd/statusd/internal/table"
	"github.com/statusd/statusd/internal/table/dynamo"
	"github.com/statusd/statusd/internal/table/enginetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	client := dynamo.NewClient(dynamotest.Config(t), dynamotest.Start(t).Endpoint)
	enginetest.Run(t, enginetest.Harness{
		Engine: func(_ *testing.T, o table.Observer) table.Engine {
			return dynamo.New(client, dynamo.Observe(o), dynamo.Poll(50*time.Millisecond))
		},
		Table: func(t *testing.T) string {
			name := dynamotest.TableName(t)
			t.Cleanup(func() {
				_, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
				require.NoError(t, err)
			})
			return name
		},
	})
}
