package dynamo

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

const (
	oldOnFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	total        = types.ReturnConsumedCapacityTotal
)

var noonSeconds = &types.AttributeValueMemberN{Value: "1700000000"}

func TestPutReplacesOnlyWhatIsDead(t *testing.T) {
	t.Parallel()
	item := table.Item{"id": text("a")}
	require.Equal(t, &dynamodb.PutItemInput{
		TableName: aws.String("jobs"), Item: item,
		ConditionExpression:                 aws.String("attribute_not_exists(#n0) OR (attribute_type(#n1, :v0) AND #n1 <= :v1)"),
		ExpressionAttributeNames:            map[string]string{"#n0": "id", "#n1": "ends"},
		ExpressionAttributeValues:           table.Item{":v0": text("N"), ":v1": noonSeconds},
		ReturnValuesOnConditionCheckFailure: oldOnFailure, ReturnConsumedCapacity: total,
	}, putItem(jobs("jobs"), table.Put{Item: item, Now: noon}))
}

func TestPutWithoutATimeToLiveHasNoValues(t *testing.T) {
	t.Parallel()
	s := jobs("jobs")
	s.TTL = ""
	in := putItem(s, table.Put{Item: table.Item{"id": text("a")}, Now: noon})
	require.Equal(t, "attribute_not_exists(#n0)", *in.ConditionExpression)
	require.Nil(t, in.ExpressionAttributeValues, "DynamoDB refuses an empty map")
}

func TestUpdateNamesTheKeyAndEveryCheck(t *testing.T) {
	t.Parallel()
	require.Equal(t, &dynamodb.UpdateItemInput{
		TableName: aws.String("jobs"), Key: table.Item{"id": text("a")},
		UpdateExpression: aws.String("SET #n0 = :v0, #n1 = :v1 REMOVE #n2, #n3"),
		ConditionExpression: aws.String("attribute_exists(#n4) AND NOT (attribute_type(#n5, :v2) AND #n5 <= :v3)" +
			" AND #n1 = :v4 AND attribute_not_exists(#n6) AND #n7 < :v5"),
		ExpressionAttributeNames: map[string]string{
			"#n0": "state", "#n1": "version", "#n2": "at", "#n3": "size", "#n4": "id", "#n5": "ends", "#n6": "owner", "#n7": "weight",
		},
		ExpressionAttributeValues: table.Item{
			":v0": text("done"), ":v1": number(2), ":v2": text("N"), ":v3": noonSeconds, ":v4": number(1), ":v5": number(9),
		},
		ReturnValues: types.ReturnValueAllNew, ReturnValuesOnConditionCheckFailure: oldOnFailure, ReturnConsumedCapacity: total,
	}, updateItem(jobs("jobs"), table.Update{
		Key: text("a"), Set: table.Item{"version": number(2), "state": text("done")}, Remove: []string{"size", "at"}, Now: noon,
		If: []table.Check{
			{Attribute: "version", Op: table.OpEquals, Value: number(1)},
			{Attribute: "owner", Op: table.OpAbsent},
			{Attribute: "weight", Op: table.OpBelow, Value: number(9)},
		},
	}))
}

func TestDeleteAsksForWhatItRemoves(t *testing.T) {
	t.Parallel()
	s := jobs("jobs")
	s.TTL = ""
	require.Equal(t, &dynamodb.DeleteItemInput{
		TableName: aws.String("jobs"), Key: table.Item{"id": text("a")},
		ConditionExpression:      aws.String("attribute_exists(#n0)"),
		ExpressionAttributeNames: map[string]string{"#n0": "id"},
		ReturnValues:             types.ReturnValueAllOld, ReturnValuesOnConditionCheckFailure: oldOnFailure, ReturnConsumedCapacity: total,
	}, deleteItem(s, table.Delete{Key: text("a"), Now: noon}))
}

func TestQueryStartsWhereItIsTold(t *testing.T) {
	t.Parallel()
	after := table.Item{"id": text("a"), "state": text("new"), "at": number(5)}
	q := table.Query{Index: byState, Hash: text("new"), From: number(7), Limit: 3, After: after}
	want := &dynamodb.QueryInput{
		TableName: aws.String("jobs"), IndexName: aws.String("by_state"),
		KeyConditionExpression:    aws.String("#n0 = :v0 AND #n1 <= :v1"),
		ExpressionAttributeNames:  map[string]string{"#n0": "state", "#n1": "at"},
		ExpressionAttributeValues: table.Item{":v0": text("new"), ":v1": number(7)},
		ScanIndexForward:          aws.Bool(false), Limit: aws.Int32(3), ExclusiveStartKey: after, ReturnConsumedCapacity: total,
	}
	require.Equal(t, want, query(jobs("jobs"), q))
	q.Oldest = true
	want.ScanIndexForward, want.KeyConditionExpression = aws.Bool(true), aws.String("#n0 = :v0 AND #n1 >= :v1")
	require.Equal(t, want, query(jobs("jobs"), q))
}

func TestATablesDefinitionsAreOfKeysAlone(t *testing.T) {
	t.Parallel()
	s := jobs("jobs")
	in := createTable(s, table.Capacity{})
	require.Equal(t, []types.AttributeDefinition{
		{AttributeName: aws.String("at"), AttributeType: "N"},
		{AttributeName: aws.String("id"), AttributeType: "S"},
		{AttributeName: aws.String("state"), AttributeType: "S"},
	}, in.AttributeDefinitions)
	require.Equal(t, types.BillingModePayPerRequest, in.BillingMode)
	require.Nil(t, in.ProvisionedThroughput)
	require.Equal(t, []types.KeySchemaElement{
		{AttributeName: aws.String("state"), KeyType: types.KeyTypeHash},
		{AttributeName: aws.String("at"), KeyType: types.KeyTypeRange},
	}, in.GlobalSecondaryIndexes[0].KeySchema)

	more := createIndex(s, byOwner, nil)
	require.Equal(t, []types.AttributeDefinition{
		{AttributeName: aws.String("id"), AttributeType: "S"},
		{AttributeName: aws.String("owner"), AttributeType: "S"},
	}, more.AttributeDefinitions)
	create := more.GlobalSecondaryIndexUpdates[0].Create
	require.Equal(t, &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"at"}}, create.Projection)
}
