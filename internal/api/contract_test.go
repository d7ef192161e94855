package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd"
)

// contract is openapi.yaml, read once.
var contract = sync.OnceValues(func() (*v3.Document, error) {
	document, err := libopenapi.NewDocument(statusd.OpenAPI)
	if err != nil {
		return nil, err
	}
	model, err := document.BuildV3Model()
	if err != nil {
		return nil, err
	}
	return &model.Model, nil
})

var contractValidator = sync.OnceValues(func() (validator.Validator, error) {
	model, err := contract()
	if err != nil {
		return nil, err
	}
	return validator.NewValidatorFromV3Model(model), nil
})

// checked holds every answer that passes through against the contract, and
// every request that was accepted.
type checked struct{ http.RoundTripper }

func (c checked) RoundTrip(r *http.Request) (*http.Response, error) {
	v, err := contractValidator()
	if err != nil {
		return nil, err
	}
	var sent []byte
	if r.Body != nil {
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body.Close()
	defer func() { response.Body = io.NopCloser(bytes.NewReader(body)) }()
	if r.Method == http.MethodHead {
		return response, nil // a test of its own compares it with GET
	}

	// The validators know a request by its method and path alone.
	asked, err := http.NewRequest(r.Method, r.URL.String(), bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	asked.Header = r.Header.Clone()
	answered := *response
	answered.Body = io.NopCloser(bytes.NewReader(body))
	noRoute := response.StatusCode == http.StatusNotFound && bytes.Contains(body, []byte(noSuchRoute))
	if noRoute || response.StatusCode == http.StatusMethodNotAllowed {
		// No operation of the contract, yet a problem like that of a record that
		// is not there.
		asked.Method, asked.URL.Path, answered.StatusCode = http.MethodGet, "/status/a", http.StatusNotFound
	}
	if ok, faults := v.ValidateHttpResponse(asked, &answered); !ok {
		return nil, fmt.Errorf("%s %s answers, against the contract, %d %v %s: %v",
			r.Method, r.URL, response.StatusCode, response.Header, body, faults)
	}
	if response.StatusCode/100 == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		if ok, faults := v.GetRequestBodyValidator().ValidateRequestBody(asked); !ok {
			return nil, fmt.Errorf("%s %s takes, against the contract, %s: %v", r.Method, r.URL, sent, faults)
		}
	}
	return response, nil
}

func TestContractIsValidOpenAPI(t *testing.T) {
	t.Parallel()
	document, err := libopenapi.NewDocument(statusd.OpenAPI)
	require.NoError(t, err)
	v, errs := validator.NewValidator(document)
	require.Empty(t, errs)
	ok, faults := v.ValidateDocument()
	require.True(t, ok, "%v", faults)
}

func TestContractHasTheRoutesOfTheRouter(t *testing.T) {
	t.Parallel()
	model, err := contract()
	require.NoError(t, err)
	var declared []string
	for path, item := range model.Paths.PathItems.FromOldest() {
		for method := range item.GetOperations().FromOldest() {
			declared = append(declared, strings.ToUpper(method)+" "+path)
			if method == "get" {
				declared = append(declared, "HEAD "+path)
			}
		}
	}
	var routed []string
	s := newServer(Config{Metrics: newMetrics()})
	require.NoError(t, chi.Walk(s.routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routed = append(routed, method+" "+route)
		return nil
	}))
	require.ElementsMatch(t, declared, routed)
}

func TestContractHasTheCodesOfTheProblems(t *testing.T) {
	t.Parallel()
	model, err := contract()
	require.NoError(t, err)
	var declared, answered []string
	for _, node := range model.Components.Schemas.GetOrZero("Code").Schema().Enum {
		declared = append(declared, node.Value)
	}
	for _, a := range answers {
		if a.code != clientGone { // which no client sees
			answered = append(answered, string(a.code))
		}
	}
	slices.Sort(answered)
	require.ElementsMatch(t, declared, slices.Compact(answered))
}

func TestContractTellsOfEveryMetric(t *testing.T) {
	t.Parallel()
	descriptions := make(chan *prometheus.Desc, 100)
	m := newMetrics()
	for _, c := range []prometheus.Collector{m.requests, m.durations, m.updates, m.calls, m.callDuration, m.units, m.watchers} {
		c.Describe(descriptions)
	}
	close(descriptions)
	declared := regexp.MustCompile("`(statusd_\\w+)\\{([a-z,]+)\\}`").FindAllStringSubmatch(string(statusd.OpenAPI), -1)
	require.Len(t, declared, len(descriptions))
	for d := range descriptions {
		require.True(t, slices.ContainsFunc(declared, func(of []string) bool {
			return strings.Contains(d.String(), fmt.Sprintf("fqName: %q", of[1])) &&
				strings.Contains(d.String(), fmt.Sprintf("variableLabels: {%s}", of[2]))
		}), "%s", d)
	}
}

func TestContractSchemasAreClosed(t *testing.T) {
	t.Parallel()
	model, err := contract()
	require.NoError(t, err)
	for name, proxy := range model.Components.Schemas.FromOldest() {
		schema := proxy.Schema()
		if slices.Contains([]string{"RecordFields", "AnyProblem"}, name) {
			continue // closed by those that build on them
		}
		if schema.Properties == nil {
			continue
		}
		closed := schema.AdditionalProperties != nil && schema.AdditionalProperties.IsB() && !schema.AdditionalProperties.B ||
			schema.UnevaluatedProperties != nil && schema.UnevaluatedProperties.IsB() && !schema.UnevaluatedProperties.B
		require.True(t, closed, name)
	}
}

func TestContractExamplesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	model, err := contract()
	require.NoError(t, err)
	schemas := schema_validation.NewSchemaValidator()
	checked := 0
	check := func(where string, content *orderedmap.Map[string, *v3.MediaType]) {
		for mediaType, form := range content.FromOldest() {
			for name, example := range form.Examples.FromOldest() {
				var value any
				require.NoError(t, example.Value.Decode(&value))
				ok, faults := schemas.ValidateSchemaObject(form.Schema.Schema(), value)
				require.True(t, ok, "%s %s %s: %v", where, mediaType, name, faults)
				checked++
			}
		}
	}
	for path, item := range model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			if operation.RequestBody != nil {
				check(method+" "+path, operation.RequestBody.Content)
			}
			for code, response := range operation.Responses.Codes.FromOldest() {
				check(method+" "+path+" "+code, response.Content)
			}
		}
	}
	require.Greater(t, checked, 20)
}

func TestAnswersThatBreakTheContractAreFound(t *testing.T) {
	t.Parallel()
	answer := func(path, body string) error {
		_, err := checked{roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusOK, Request: r, Body: io.NopCloser(strings.NewReader(body)),
				Header: http.Header{
					"Content-Type": jsonType, "Cache-Control": noCache, "Vary": accept, "Etag": {`"1"`},
					"Traceparent": {continued("").traceparent()},
				},
			}, nil
		})}.RoundTrip(must(http.NewRequest(http.MethodGet, "http://localhost"+path, nil)))
		return err
	}
	const record = `{"request_id":"a","status":"success","timestamp":"2026-03-01T09:30:00.000Z","attempt":1,"version":1,` +
		`"terminal":true,"created_at":"2026-03-01T09:30:00.000Z","updated_at":"2026-03-01T09:30:00.000Z"`
	for body, fits := range map[string]bool{
		record + `}`:                              true,
		record + `,"surprise":1}`:                 false,
		record + `,"eta":"2026-03-01T09:30:00Z"}`: false,
		record + `,"progress":{"percent":1}}`:     false,
		`{}`:                                      false,
	} {
		require.Equal(t, fits, answer("/status/a", body) == nil, body)
		require.Equal(t, fits, answer("/status", `{"items":[`+body+`]}`) == nil, body)
	}
	require.NoError(t, answer("/status/a", record+`,"history":[]}`))
	require.Error(t, answer("/status", `{"items":[`+record+`,"history":[]}]}`), "lists leave it out")
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func must[T any](value T, err error) T {
	if err != nil {
		panic(errors.Join(errors.New("a test is wrong"), err))
	}
	return value
}
