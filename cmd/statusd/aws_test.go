package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// withoutAWS hides what this machine is configured for.
func withoutAWS(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // to the SDK as good as unset
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
}

func TestAServerOfOnesOwnNeedsNeitherRegionNorCredentials(t *testing.T) {
	withoutAWS(t)
	sdk, err := awsConfig(t.Context(), "http://127.0.0.1:8000")
	require.NoError(t, err)
	require.Equal(t, "us-east-1", sdk.Region)
	found, err := sdk.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	require.Equal(t, "local", found.AccessKeyID)
}

func TestRegionAndCredentialsThatAreGivenAreUsed(t *testing.T) {
	withoutAWS(t)
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "mine")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for _, endpoint := range []string{"", "http://127.0.0.1:8000"} {
		sdk, err := awsConfig(t.Context(), endpoint)
		require.NoError(t, err)
		require.Equal(t, "eu-central-1", sdk.Region)
		found, err := sdk.Credentials.Retrieve(t.Context())
		require.NoError(t, err)
		require.Equal(t, "mine", found.AccessKeyID)
	}
}

func TestNothingIsMadeUpForAWS(t *testing.T) {
	withoutAWS(t)
	code, _, stderr := invoke(t, environment(t, "STORE=dynamodb"))
	require.Equal(t, exitFailed, code)
	require.Equal(t, "statusd: no AWS region is configured: set AWS_REGION\n", stderr)
}
