package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
)

func ptr[T any](v T) *T { return &v }

func TestBodiesAreReadAlikeInBothForms(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		json, form string
		want       model.Update
	}{
		"a status": {
			`{"status":"started"}`, `status=started`,
			model.Update{Status: model.Started},
		},
		"a status as people write it": {
			`{"status":"IN_PROGRESS"}`, `status=In+Progress`,
			model.Update{Status: model.InProgress},
		},
		"everything": {
			`{"status":"fail","attempt":3,"progress":"3/10","message":"a & b","error":{"code":"OOM","message":"m","exit_code":137},
			  "metadata":{"logs":"http://x","a.b":""},"owner":"me","report_every":30}`,
			`status=fail&attempt=3&progress=3/10&message=a+%26+b&error_code=OOM&error_message=m&exit_code=137&metadata.logs=http://x&metadata.a.b=&owner=me&report_every=30`,
			model.Update{
				Status: model.Fail, Attempt: 3, Progress: &model.Progress{Current: 3, Total: ptr(10.0)}, Message: ptr("a & b"),
				Error:    &model.Error{Code: "OOM", Message: "m", ExitCode: ptr(int64(137))},
				Metadata: map[string]string{"logs": "http://x", "a.b": ""}, Owner: "me", ReportEvery: 30,
			},
		},
		"a percentage, and % that begins no escape": {
			`{"status":"in-progress","progress":"42%","message":"50% of; 100%"}`, `status=in-progress&progress=42%&message=50% of; 100%`,
			model.Update{
				Status: model.InProgress, Progress: &model.Progress{Current: 42, Total: ptr(100.0), Unit: "%"}, Message: ptr("50% of; 100%"),
			},
		},
		"an empty message, which clears": {
			`{"status":"started","message":""}`, `&status=started&&message&`,
			model.Update{Status: model.Started, Message: ptr("")},
		},
		"integers written as floats": {
			`{"status":"started","attempt":3.0,"report_every":1e1}`, `status=started&attempt=3.0&report_every=1e1`,
			model.Update{Status: model.Started, Attempt: 3, ReportEvery: 10},
		},
		"an exit code of 0": {
			`{"status":"fail","error":{"exit_code":0}}`, `status=fail&exit_code=0`,
			model.Update{Status: model.Fail, Error: &model.Error{ExitCode: ptr(int64(0))}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, warnings, err := decodeUpdate([]byte(test.json), parseJSON)
			require.NoError(t, err)
			require.Empty(t, warnings)
			require.Equal(t, test.want, got)
			got, warnings, err = decodeUpdate([]byte(test.form), parseForm)
			require.NoError(t, err)
			require.Empty(t, warnings)
			require.Equal(t, test.want, got)
		})
	}
}

func TestNullIsNotGiven(t *testing.T) {
	t.Parallel()
	got, _, err := decodeUpdate([]byte(`{"status":"started","attempt":null,"progress":null,"message":null,"error":null,
		"metadata":null,"owner":null,"report_every":null}`), parseJSON)
	require.NoError(t, err)
	require.Equal(t, model.Update{Status: model.Started}, got)

	got, _, err = decodeUpdate([]byte(`{"status":"fail","progress":{"current":1,"total":null,"unit":null},
		"error":{"code":"x","message":null,"exit_code":null},"metadata":{"a":null}}`), parseJSON)
	require.NoError(t, err)
	require.Equal(t, &model.Progress{Current: 1}, got.Progress)
	require.Equal(t, &model.Error{Code: "x"}, got.Error)
	require.Empty(t, got.Metadata)
}

func TestJSONThatIsUnclearIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body   string
		fields []string // named in the fault
	}{
		"nothing":            {``, nil},
		"white space":        {" \n", nil},
		"text":               {`started`, nil},
		"a list":             {`[{"status":"started"}]`, nil},
		"a string":           {`"started"`, nil},
		"null":               {`null`, nil},
		"cut off":            {`{"status":"started"`, nil},
		"a trailing comma":   {`{"status":"started",}`, nil},
		"a trailing object":  {`{"status":"started"}{}`, nil},
		"trailing text":      {`{"status":"started"} x`, nil},
		"a comment":          {`{"status":"started"/* */}`, nil},
		"single quotes":      {`{'status':'started'}`, nil},
		"invalid UTF-8":      {"{\"status\":\"started\",\"message\":\"\xff\"}", nil},
		"a raw line end":     {"{\"status\":\"started\",\"message\":\"a\nb\"}", nil},
		"a leading zero":     {`{"status":"started","attempt":01}`, nil},
		"not a number":       {`{"status":"started","attempt":NaN}`, nil},
		"a byte order mark":  {"\ufeff{\"status\":\"started\"}", nil},
		"a deep nest":        {`{"status":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, nil},
		"an unknown field":   {`{"status":"started","stauts":1}`, []string{"stauts"}},
		"another case":       {`{"Status":"started"}`, []string{"Status", "status"}},
		"an empty name":      {`{"status":"started","":1}`, []string{""}},
		"a duplicate":        {`{"status":"started","status":"started"}`, []string{"status"}},
		"an escaped one":     {`{"status":"started","st\u0061tus":"fail"}`, []string{"status"}},
		"a nested duplicate": {`{"status":"started","metadata":{"a":"1","a":"1"}}`, []string{"metadata.a"}},
		"a nested unknown":   {`{"status":"started","progress":{"current":1,"of":3},"x":{}}`, []string{"progress.of", "x"}},
		"several":            {`{"x":1,"status":7,"y":1,"y":2}`, []string{"y", "x", "y", "status"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := decodeUpdate([]byte(test.body), parseJSON)
			require.ErrorIs(t, err, invalidBody)
			require.Equal(t, test.fields, named(err))
		})
	}
}

func TestFormsThatAreUnclearAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body   string
		fields []string
	}{
		"an unknown field":           {`status=started&acc=3`, []string{"acc"}},
		"a duplicate":                {`status=started&status=started`, []string{"status"}},
		"an escaped duplicate":       {`status=started&st%61tus=fail`, []string{"status"}},
		"duplicate metadata":         {`status=started&metadata.a=1&metadata.a=2`, []string{"metadata.a"}},
		"an object's name":           {`status=fail&error=oom&metadata=x`, []string{"error", "metadata"}},
		"JSON, sent as curl -d does": {`{"status":"started"}`, nil},
		"invalid UTF-8":              {"status=started&message=\xff", nil},
		"invalid UTF-8 in an escape": {"status=started&message=%ff", nil},
		"invalid UTF-8, in a name":   {"status=started&%ff=1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := decodeUpdate([]byte(test.body), parseForm)
			require.ErrorIs(t, err, invalidBody)
			require.Equal(t, test.fields, named(err))
		})
	}
}

func TestValuesThatFieldsCannotHaveAreAllNamed(t *testing.T) {
	t.Parallel()
	for body, fields := range map[string][]string{
		`{}`:                                                         {"status"},
		`{"status":""}`:                                              {"status"},
		`{"status":"done"}`:                                          {"status"},
		`{"status":3}`:                                               {"status"},
		`{"status":null}`:                                            {"status"},
		`{"status":["started"]}`:                                     {"status"},
		`{"status":"started","attempt":0}`:                           {"attempt"},
		`{"status":"started","attempt":-1}`:                          {"attempt"},
		`{"status":"started","attempt":1.5}`:                         {"attempt"},
		`{"status":"started","attempt":"3"}`:                         {"attempt"},
		`{"status":"started","attempt":true}`:                        {"attempt"},
		`{"status":"started","attempt":9007199254740993}`:            {"attempt"},
		`{"status":"started","attempt":1e400}`:                       {"attempt"},
		`{"status":"started","attempt":1e30}`:                        {"attempt"},
		`{"status":"started","report_every":0}`:                      {"report_every"},
		`{"status":"started","owner":""}`:                            {"owner"},
		`{"status":"started","owner":{}}`:                            {"owner"},
		`{"status":"started","message":1}`:                           {"message"},
		`{"status":"started","progress":3}`:                          {"progress"},
		`{"status":"started","progress":[3,10]}`:                     {"progress"},
		`{"status":"started","progress":"half"}`:                     {"progress"},
		`{"status":"started","progress":"11/10"}`:                    {"progress"},
		`{"status":"started","progress":{}}`:                         {"progress.current"},
		`{"status":"started","progress":{"current":null}}`:           {"progress.current"},
		`{"status":"started","progress":{"current":"3"}}`:            {"progress.current"},
		`{"status":"started","progress":{"current":-1,"total":"x"}}`: {"progress.total", "progress.current"},
		`{"status":"started","progress":{"current":11,"total":10}}`:  {"progress.current"},
		`{"status":"started","progress":{"current":1e999}}`:          {"progress.current"},
		`{"status":"started","metadata":"x"}`:                        {"metadata"},
		`{"status":"started","metadata":{"a":1,"b":"x","c":[]}}`:     {"metadata.a", "metadata.c"},
		`{"status":"fail","error":"x"}`:                              {"error"},
		`{"status":"fail","error":{"exit_code":"1","code":2}}`:       {"error.exit_code", "error.code"},
		`{"status":"success","error":{"code":"x"}}`:                  {"error"},
		`{"status":3,"attempt":"x","owner":1}`:                       {"status", "attempt", "owner"},
		`status=started&attempt=x&report_every=`:                     {"attempt", "report_every"},
		`status=started&attempt=0x10`:                                {"attempt"},
		`status=fail&exit_code=x`:                                    {"exit_code"},
		`status=fail&exit_code=99999999999`:                          {"exit_code"},
		``:                                                           {"status"},
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			parse := parseForm
			if strings.HasPrefix(body, "{") {
				parse = parseJSON
			}
			_, _, err := decodeUpdate([]byte(body), parse)
			require.ErrorIs(t, err, invalidField)
			require.Equal(t, fields, named(err))
		})
	}
}

func TestManyBadFieldsAreNamedUpToABound(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	body.WriteString(`{"status":"started","metadata":{"a":1`)
	for i := range 20000 {
		body.WriteString(`,"` + string(rune('a'+i%26)) + strings.Repeat("x", i/26%64) + `":1`)
	}
	body.WriteString(`}}`)
	_, _, err := decodeUpdate([]byte(body.String()), parseJSON)
	require.Len(t, problemOf(err).Errors, fieldsMost)
}

func TestLongTextIsCutWithAWarning(t *testing.T) {
	t.Parallel()
	u, warnings, err := decodeUpdate([]byte(`{"status":"started","message":"`+strings.Repeat("x", 2000)+`"}`), parseJSON)
	require.NoError(t, err)
	require.Len(t, *u.Message, 1024)
	require.Len(t, warnings, 1)
}

// named returns the fields that a fault names.
func named(err error) []string {
	var f *fault
	if !errors.As(err, &f) {
		return nil
	}
	var fields []string
	for _, e := range f.fields {
		fields = append(fields, e.Field)
	}
	return fields
}

func FuzzJSONBody(f *testing.F) {
	f.Add([]byte(`{"status":"fail","attempt":3,"progress":"3/10","error":{"code":"OOM","exit_code":137},"metadata":{"a":"b"}}`))
	f.Add([]byte(` { "status" : "st\u0061rted\\" , "progress":{"current":1e2,"total":null},"a":[{} , [1, -0.5E+3],true,false,[ ]]} `))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, repeated, err := parseJSON(body)
		if err != nil || repeated != nil {
			return
		}
		var want map[string]any
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&want), "what is accepted is JSON")
		require.Equal(t, any(want), plain(o))
	})
}

// plain is a value as encoding/json has it.
func plain(value any) any {
	switch value := value.(type) {
	case object:
		m := map[string]any{}
		for _, one := range value {
			m[one.name] = plain(one.value)
		}
		return m
	case []any:
		list := []any{}
		for _, one := range value {
			list = append(list, plain(one))
		}
		return list
	}
	return value
}
