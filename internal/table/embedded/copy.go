package embedded

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/statusd/statusd/internal/table"
)

// copyOf returns an item that shares nothing with the one given; nil for nil.
func copyOf(item table.Item) table.Item {
	if item == nil {
		return nil
	}
	copied := make(table.Item, len(item))
	for name, av := range item {
		copied[name] = copyValue(av)
	}
	return copied
}

func copyValue(av types.AttributeValue) types.AttributeValue {
	switch av := av.(type) {
	case *types.AttributeValueMemberS:
		return &types.AttributeValueMemberS{Value: av.Value}
	case *types.AttributeValueMemberN:
		return &types.AttributeValueMemberN{Value: av.Value}
	case *types.AttributeValueMemberB:
		return &types.AttributeValueMemberB{Value: slices.Clone(av.Value)}
	case *types.AttributeValueMemberBOOL:
		return &types.AttributeValueMemberBOOL{Value: av.Value}
	case *types.AttributeValueMemberNULL:
		return &types.AttributeValueMemberNULL{Value: av.Value}
	case *types.AttributeValueMemberM:
		return &types.AttributeValueMemberM{Value: copyOf(av.Value)}
	case *types.AttributeValueMemberL:
		list := make([]types.AttributeValue, len(av.Value))
		for i, inner := range av.Value {
			list[i] = copyValue(inner)
		}
		return &types.AttributeValueMemberL{Value: list}
	case *types.AttributeValueMemberSS:
		return &types.AttributeValueMemberSS{Value: slices.Clone(av.Value)}
	case *types.AttributeValueMemberNS:
		return &types.AttributeValueMemberNS{Value: slices.Clone(av.Value)}
	case *types.AttributeValueMemberBS:
		set := make([][]byte, len(av.Value))
		for i, b := range av.Value {
			set[i] = slices.Clone(b)
		}
		return &types.AttributeValueMemberBS{Value: set}
	}
	return av // the engine holds no other
}
