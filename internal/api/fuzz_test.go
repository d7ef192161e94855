package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/watch"
)

func FuzzDecodeJSON(f *testing.F) {
	for _, body := range []string{
		`{"status":"started"}`,
		`{"status":"IN_PROGRESS","attempt":2,"progress":{"current":3,"total":10,"unit":"epoch"},"message":"loss 0.31"}`,
		`{"status":"fail","error":{"code":"OOM","message":"CUDA","exit_code":137},"metadata":{"a":"b","c":""},"owner":"o","report_every":60}`,
		`{"status":"success","status":"fail"}`, `{"status":"started","attempt":1e400}`, `{"status":"started","attempt":9007199254740993}`,
		`{"status":"started","progress":"3/10 epoch"}`, `{"status":"\ud800"}`, `{"message":"\u0000\u202e"}`, `[]`, `null`, `{"a":1}x`,
		strings.Repeat(`{"error":`, 100), `{"status":"started","metadata":{"":"","k":"` + strings.Repeat("v", 600) + `"}}`, "\xef\xbb\xbf{}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if update, ok := decoded(t, body, parseJSON); ok {
			require.True(t, json.Valid(body))
			reprints(t, update)
		}
	})
}

func FuzzDecodeForm(f *testing.F) {
	for _, body := range []string{
		"status=started", "status=in-progress&progress=42%&message=hi+there", "status=fail&error_code=OOM&exit_code=137&error_message=%F0%9F%94%A5",
		"status=started&status=fail", "metadata.=x&metadata.a=b&status=started", "attempt=0x1&status=started", "status=started;attempt=2",
		"%zz=%&status=started", "status=%ff", "{\"status\":\"started\"}", "&&&", "=", "error=x&metadata=y", "status=started&report_every=1e3",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if update, ok := decoded(t, body, parseForm); ok {
			reprints(t, update)
		}
	})
}

// decoded is an update that was accepted. It can be merged as it is; what was
// refused says why.
func decoded(t *testing.T, body []byte, parse parser) (model.Update, bool) {
	update, _, err := decodeUpdate(body, parse)
	if err != nil {
		var why *fault
		require.ErrorAs(t, err, &why)
		require.True(t, errors.Is(err, invalidBody) || errors.Is(err, invalidField), "%v", err)
		require.True(t, why.detail != "" || len(why.fields) > 0, "it does not say why")
		require.True(t, json.Valid(marshal(problemOf(err))))
		return update, false
	}
	again := update
	warnings, err := again.Normalize()
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, update, again)

	now := time.UnixMilli(1_700_000_000_000)
	record, outcome := model.Merge(nil, "job", update, now, model.Policy{Retention: time.Hour, AbandonAfter: time.Hour})
	require.Equal(t, model.Created, outcome.Kind)
	view := marshal(viewOf(record, model.Live))
	require.True(t, json.Valid(view))
	require.True(t, utf8.Valid(view))
	require.NotContains(t, string(view), "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd", "text was mangled")
	return update, true
}

// reprints requires that an update written down as JSON is the same one.
func reprints(t *testing.T, u model.Update) {
	said := map[string]any{"status": u.Status}
	if u.Attempt != 0 {
		said["attempt"] = u.Attempt
	}
	if u.ReportEvery != 0 {
		said["report_every"] = u.ReportEvery
	}
	if u.Owner != "" {
		said["owner"] = u.Owner
	}
	if u.Message != nil {
		said["message"] = *u.Message
	}
	if len(u.Metadata) == 0 {
		u.Metadata = nil // none is none
	} else {
		said["metadata"] = u.Metadata
	}
	if p := u.Progress; p != nil {
		progress := map[string]any{"current": p.Current, "unit": p.Unit}
		if p.Total != nil {
			progress["total"] = *p.Total
		}
		said["progress"] = progress
	}
	if e := u.Error; e != nil {
		failure := map[string]any{"code": e.Code, "message": e.Message}
		if e.ExitCode != nil {
			failure["exit_code"] = *e.ExitCode
		}
		said["error"] = failure
	}
	text, err := json.Marshal(said)
	require.NoError(t, err)
	again, warnings, err := decodeUpdate(text, parseJSON)
	require.NoError(t, err, "%s", text)
	require.Empty(t, warnings)
	require.Equal(t, u, again, "%s", text)
}

func FuzzEntityTags(f *testing.F) {
	for _, line := range []string{
		`"1700000000000-live"`, `W/"1"`, "*", `"a", "b",,"c"`, `"`, `""`, `W/`, `w/"1"`, `"a""b"`, "\"\x00\"", `"-9223372036854775808"`, `*,"a"`, ` , `,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		parsed, err := parseTags([]string{line})
		if err != nil {
			require.ErrorIs(t, err, errTags)
			return
		}
		require.True(t, parsed.given())
		require.Equal(t, len(parsed.opaque), len(parsed.versions()))
		for i, tag := range parsed.opaque {
			require.True(t, len(tag) >= 2 && tag[0] == '"' && tag[len(tag)-1] == '"', tag)
			require.True(t, parsed.match(tag))
			require.GreaterOrEqual(t, parsed.versions()[i], int64(noVersion))
		}
		if !parsed.any {
			again, err := parseTags([]string{strings.Join(parsed.opaque, ", ")})
			require.NoError(t, err)
			require.Equal(t, parsed, again)
		}
	})
}

func FuzzLastEventID(f *testing.F) {
	for _, id := range []string{"", "0", "1700000000000", "01700000000000", "+1700000000000", "1.7e12", "1700000000000\x00", "９", "-1"} {
		f.Add(id, int64(1_700_000_000_000))
	}
	f.Fuzz(func(t *testing.T, id string, version int64) {
		header := http.Header{"Last-Event-Id": {id}}
		number, err := strconv.ParseInt(id, 10, 64)
		same := err == nil && number == version && strconv.FormatInt(number, 10) == id
		require.Equal(t, same, lastSeen(header, version), "%q", id)
	})
}

func FuzzBearer(f *testing.F) {
	for _, line := range []string{
		"Bearer abc", "bearer  abc ", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer a,Bearer b", "Bearer \x00", "Bearer é", "\"Bearer\" a", "Bearer eyJ.a.b",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		token, ok := bearer([]string{line})
		if !ok {
			require.Empty(t, token)
			return
		}
		again, ok := bearer([]string{"Bearer " + token})
		require.True(t, ok)
		require.Equal(t, token, again)
		kept := &http.Cookie{Name: "statusd", Value: token}
		if strings.ContainsAny(token, `;\`) {
			return // no cookie can hold it, and nobody issues it
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(kept)
		found, err := r.Cookie("statusd")
		require.NoError(t, err)
		require.Equal(t, token, found.Value)
		_, twice := bearer([]string{line, line})
		require.False(t, twice)
	})
}

func FuzzWish(f *testing.F) {
	for _, query := range []string{
		"wait=30s", "wait=30", "until=terminal", "wait=-1s", "wait=1e9", "wait=9999999h", "version=0&wait=1s", "version=-1&wait=1", "version=1",
		"wait=1s&wait=2s", "until=", "a=b", "%zz", "wait=1s;until=terminal", "wait=%00",
	} {
		f.Add(query, `"1-live"`)
	}
	f.Fuzz(func(t *testing.T, query, tag string) {
		r := &http.Request{URL: &url.URL{Path: "/status/a", RawQuery: query}, Header: http.Header{"If-None-Match": {tag}}}
		w, err := readWish(r)
		if err != nil {
			require.Less(t, problemOf(err).Status, 500)
			return
		}
		require.True(t, 0 <= w.wait && w.wait <= longestWait, w.wait)
		require.False(t, w.over && w.wait > 0 && w.will()(nowhere), "there is no record that could be over")
		require.False(t, w.version != nil && *w.version < 0)
		w.will()(&watch.State{})
	})
}
