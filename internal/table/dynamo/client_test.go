package dynamo

import (
	"net/http"
	"net/http/httptest"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/dynamotest"
)

// TestTheConfigurationsOwnCertificatesAreTrusted is how AWS_CA_BUNDLE arrives:
// as the transport of the configuration's client.
func TestTheConfigurationsOwnCertificatesAreTrusted(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	c := dynamotest.Config(t)
	c.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(to *http.Transport) {
		to.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	})
	require.NoError(t, New(NewClient(c, server.URL)).Ping(t.Context(), jobs("jobs")))
}
