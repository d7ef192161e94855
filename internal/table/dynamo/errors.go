package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/statusd/statusd/internal/table"
)

// attemptLog notes, of all the times that the SDK sends one request, whether
// DynamoDB may have acted on one whose answer never came.
type attemptLog struct{ doubtful bool }

// watch is an option for one request.
func (l *attemptLog) watch(o *dynamodb.Options) {
	o.APIOptions = append(o.APIOptions[:len(o.APIOptions):len(o.APIOptions)], func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("NoteAttempt",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				out, metadata, err := next.HandleFinalize(ctx, in)
				l.doubtful = l.doubtful || doubtful(err)
				return out, metadata, err
			}), "Retry", middleware.After)
	})
}

// onceInDoubt is an option for a request that is not sent again once DynamoDB
// may have acted on it.
func onceInDoubt(o *dynamodb.Options) { o.Retryer = unlessInDoubt{o.Retryer} }

type unlessInDoubt struct{ aws.Retryer }

func (r unlessInDoubt) IsErrorRetryable(err error) bool {
	return !doubtful(err) && r.Retryer.IsErrorRetryable(err)
}

// doubtful tells whether an attempt that failed so may have been acted on.
func doubtful(err error) bool {
	var refused smithy.APIError
	var answer *awshttp.ResponseError
	var unsent *smithyhttp.RequestSendError
	var dial *net.OpError
	switch {
	case err == nil:
		return false
	case errors.As(err, &refused):
		// What DynamoDB refuses it has not done; of its own failures (5xx) it
		// says that the write may have happened.
		return errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusInternalServerError
	case errors.As(err, &dial) && dial.Op == "dial":
		return false
	}
	return errors.As(err, &unsent) || errors.As(err, &answer)
}

// tooLarge is in what DynamoDB says of an item that is too large, and of such a
// key of the table or an index. Its text alone tells them from what else is
// invalid: the code is ValidationException for all.
var tooLarge = []string{"Item size", "Size of hashkey", "size of all range keys"}

// translate puts what the SDK says into the words of package table. All that
// is none of the caller's doing is an UnavailableError: throttling, time-outs,
// refused connections, and rights that are missing.
func translate(operation, name string, err error, doubtful bool) error {
	if err == nil {
		return nil
	}
	unavailable := &table.UnavailableError{Table: name, Operation: operation, Cause: err, Uncertain: doubtful}
	var failed *types.ConditionalCheckFailedException
	var missing *types.ResourceNotFoundException
	var refused smithy.APIError
	switch {
	case errors.As(err, &failed):
		found := next(failed.Item)
		if doubtful && (operation == "DeleteItem" || found == nil) {
			// An earlier attempt may have deleted it, whatever is there now; or
			// have changed it, and somebody has deleted it since. Otherwise a
			// Put or Update has left its author a trace in the item.
			return unavailable
		}
		return &table.ConditionError{Found: found}
	case errors.As(err, &missing):
		unavailable.Cause = fmt.Errorf("there is no such table or index: %w", err)
		return unavailable
	case errors.As(err, &refused) && refused.ErrorCode() == "ValidationException":
		for _, text := range tooLarge {
			if strings.Contains(refused.ErrorMessage(), text) {
				return fmt.Errorf("table %s: %w: %s", name, table.ErrTooLarge, refused.ErrorMessage())
			}
		}
		return fmt.Errorf("table %s: %w: %s", name, table.ErrInvalid, refused.ErrorMessage())
	}
	return unavailable
}
