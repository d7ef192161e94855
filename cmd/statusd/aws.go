package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// awsConfig is what the SDK's own chain finds. A DynamoDB server of one's own
// wants a region and a signature, but takes any: what is not found is made up
// for it, and not looked for on the network.
func awsConfig(ctx context.Context, endpoint string) (aws.Config, error) {
	if endpoint == "" {
		sdk, err := config.LoadDefaultConfig(ctx)
		if err == nil && sdk.Region == "" {
			err = errors.New("no AWS region is configured: set AWS_REGION")
		}
		return sdk, err
	}
	sdk, err := config.LoadDefaultConfig(ctx, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
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
