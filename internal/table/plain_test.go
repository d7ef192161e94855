package table

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPlainAttributesAreStoredAsTheSDKStoresThem(t *testing.T) {
	t.Parallel()
	type word string
	type count int16
	type all struct {
		Key   string    `table:"key"`
		Text  word      `dynamodbav:"text"`
		Maybe string    `dynamodbav:"maybe,omitempty"`
		Count count     `dynamodbav:"count"`
		Some  int64     `dynamodbav:"some,omitempty"`
		At    time.Time `dynamodbav:"at"`
		Until time.Time `dynamodbav:"until,omitempty"`
	}
	declared, err := New[all](nil, "things")
	require.NoError(t, err)
	at := time.Date(2030, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", -3600))
	for _, record := range []all{
		{At: at}, {"k", "é\x00", "m", -3, 1 << 62, at, at}, {Key: "k", Count: 1, Some: -1, At: at.UTC()},
	} {
		value := reflect.ValueOf(record)
		for i := range declared.fields {
			plain := declared.fields[i]
			require.True(t, plain.plain, plain.Name)
			bySDK := plain
			bySDK.plain = false
			mine, err := plain.encode(value.FieldByIndex(plain.index))
			require.NoError(t, err)
			its, err := bySDK.encode(value.FieldByIndex(plain.index))
			require.NoError(t, err)
			require.Equal(t, its, mine, plain.Name)
			if mine == nil {
				continue
			}
			want, err := bySDK.decode(mine)
			require.NoError(t, err)
			found, err := plain.decode(mine)
			require.NoError(t, err)
			require.Equal(t, want.Interface(), found.Interface(), plain.Name)
		}
	}
}
