package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go/logging"
)

// awsConfig is what the SDK's own chain finds. A DynamoDB server of one's own
// wants a region and a signature, but takes any: what is not found is made up
// for it, and not looked for on the network.
func awsConfig(ctx context.Context, endpoint string) (aws.Config, error) {
	// What is of interest comes back as an error; the SDK's lines are not JSON.
	silent := config.WithLogger(logging.Nop{})
	if endpoint == "" {
		sdk, err := config.LoadDefaultConfig(ctx, silent)
		if err == nil && sdk.Region == "" {
			err = errors.New("no AWS region is configured: set AWS_REGION")
		}
		return sdk, err
	}
	sdk, err := config.LoadDefaultConfig(ctx, silent, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	if err != nil {
		return aws.Config{}, err
	}
	if sdk.Region == "" {
		sdk.Region = "us-east-1"
	}
	if _, err := sdk.Credentials.Retrieve(ctx); err != nil {
		sdk.Credentials = credentials.NewStaticCredentialsProvider("local", "local", "")
	}
	return sdk, nil
}

// refused tells of an answer by which DynamoDB will stay, such as to credentials
// that it does not know, or that have not the rights.
func refused(err error) bool {
	var answer *awshttp.ResponseError // also, with status 0, of an answer that never came
	return errors.As(err, &answer) && answer.HTTPStatusCode()/100 == 4 && !retry.NewStandard().IsErrorRetryable(err)
}
