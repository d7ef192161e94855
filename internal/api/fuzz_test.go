package api

import (
	"encoding/json"
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
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/watch"
)

func FuzzDecodeJSON(f *testing.F) {
	for _, body := range []string{
		`{"status":"started"}`,
		`{"status":"IN_PROGRESS","attempt":2,"progress":{"current":3,"total":10,"unit":"epoch"},"message":"loss 0.31"}`,
		`{"status":"fail","error":{"code":"OOM","message":"CUDA","exit_code":137},"metadata":{"a":"b","c":""},"owner":"o","report_every":60}`,
		`{"status":"success","status":"fail"}`, `{"status":"started","attempt":1e400}`, `{"status":"started","attempt":9007199254740993}`,
		`{"status":"started","progress":"3/10 epoch"}`, `{"status":"\ud800"}`, `{"message":"\u0000\u202e"}`, `[]`, `null`, `{"a":1}x`,
		strings.Repeat(`{"error":`, 100), strings.Repeat(`{"error":`, 300) + "0" + strings.Repeat("}", 300),
		`{"` + strings.Repeat("x", 1000) + `":{"":0` + strings.Repeat(`,"":0`, 20) + `,"a":0,"b":0,"c":0}}`, `{"status":"started","metadata":{"":"","k":"` + strings.Repeat("v", 600) + `"}}`, "\xef\xbb\xbf{}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if o, repeated, err := parseJSON(body); err == nil {
			names, count := pathBytes(o)
			for _, e := range repeated {
				names, count = names+len(e.Field), count+1
			}
			require.LessOrEqual(t, names, len(body)+count*(pathMost+len("….")), "names take more than the body warrants")
		}
		if update, ok := decoded(t, body, parseJSON); ok {
			require.True(t, json.Valid(body))
			reprints(t, update)
			reprintsAsForm(t, update)
		}
	})
}

// pathBytes is how long the names of all members are together, and how many
// there are.
func pathBytes(value any) (sum, count int) {
	switch value := value.(type) {
	case object:
		for _, m := range value {
			s, c := pathBytes(m.value)
			sum, count = sum+s+len(m.field), count+c+1
		}
	case []any:
		for _, one := range value {
			s, c := pathBytes(one)
			sum, count = sum+s, count+c
		}
	}
	return sum, count
}

func FuzzDecodeForm(f *testing.F) {
	for _, body := range []string{
		"status=started", "status=in-progress&progress=42%&message=hi+there", "status=fail&error_code=OOM&exit_code=137&error_message=%F0%9F%94%A5",
		"status=started&status=fail", "metadata.=x&metadata.a=b&status=started", "attempt=0x1&status=started", "status=started;attempt=2",
		"%zz=%&status=started", "status=%ff", "{\"status\":\"started\"}", "&&&", "=", "error=x&metadata=y", "status=started&report_every=1e3",
	} {
		f.Add([]byte(body))
	}
	f.Add([]byte("reason=the+loss+diverges&attempt=2"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if plain, err := url.QueryUnescape(string(body)); err == nil {
			require.Equal(t, plain, unescapeForm(string(body)))
		}
		require.Equal(t, string(body), unescapeForm(url.QueryEscape(string(body))))
		if update, ok := decoded(t, body, parseForm); ok {
			reprints(t, update)
			reprintsAsForm(t, update)
		}
	})
}

// refused requires that an error is of one of some kinds and says why.
func refused(t *testing.T, err error, kinds ...kind) {
	var why *fault
	require.ErrorAs(t, err, &why)
	require.Contains(t, kinds, why.kind)
	require.True(t, why.detail != "" || len(why.fields) > 0, "it does not say why")
	for _, e := range why.fields {
		require.NotEmpty(t, e.Message)
	}
	p := problemOf(err)
	require.True(t, 400 <= p.Status && p.Status < 500, p.Status)
	require.True(t, json.Valid(marshal(p)))
}

// decoded is an update that was accepted. It can be merged as it is; what was
// refused says why.
func decoded(t *testing.T, body []byte, parse parser) (model.Update, bool) {
	cancel, _, err := decode(body, parse, (*decoder).readCancel)
	if err != nil {
		refused(t, err, invalidBody, invalidField)
	} else {
		require.True(t, utf8.ValidString(cancel.Cancel.Reason))
		require.LessOrEqual(t, len(cancel.Cancel.Reason), 256)
	}
	update, _, err := decodeUpdate(body, parse)
	if err != nil {
		require.Zero(t, update)
		refused(t, err, invalidBody, invalidField)
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
	bounded(t, update)
	return update, true
}

// bounded requires what a record may hold: text that is UTF-8 and no longer,
// numbers no greater, than the contract says.
func bounded(t *testing.T, u model.Update) {
	text := func(s string, most int) {
		require.True(t, utf8.ValidString(s), "%q", s)
		require.LessOrEqual(t, len(s), most, "%q", s)
	}
	require.Contains(t, u.Status.Values(), string(u.Status))
	require.True(t, 0 <= u.Attempt && u.Attempt <= 1<<53, u.Attempt)
	require.True(t, 0 <= u.ReportEvery && u.ReportEvery <= 365*24*60*60, u.ReportEvery)
	text(u.Owner, 256)
	if u.Message != nil {
		text(*u.Message, 1024)
	}
	for key, value := range u.Metadata {
		require.NotEmpty(t, key)
		text(key, 64)
		text(value, 512)
	}
	if p := u.Progress; p != nil {
		text(p.Unit, 32)
		most := float64(1 << 53)
		if p.Total != nil {
			require.True(t, 0 <= *p.Total && *p.Total <= most, *p.Total)
			most = *p.Total
		}
		require.True(t, 0 <= p.Current && p.Current <= most, p.Current)
	}
	if e := u.Error; e != nil {
		require.Equal(t, model.Fail, u.Status)
		text(e.Code, 64)
		text(e.Message, 4096)
		if e.ExitCode != nil {
			require.True(t, -1<<31 <= *e.ExitCode && *e.ExitCode < 1<<32, *e.ExitCode)
		}
	}
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
	if u.Metadata != nil {
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

// reprintsAsForm requires that an update written down as a form is the same
// one, where a form can say it.
func reprintsAsForm(t *testing.T, u model.Update) {
	form := url.Values{"status": {string(u.Status)}}
	if u.Attempt != 0 {
		form.Set("attempt", strconv.FormatInt(u.Attempt, 10))
	}
	if u.ReportEvery != 0 {
		form.Set("report_every", strconv.FormatInt(u.ReportEvery, 10))
	}
	if u.Owner != "" {
		form.Set("owner", u.Owner)
	}
	if u.Message != nil {
		form.Set("message", *u.Message)
	}
	for key, value := range u.Metadata {
		form.Set("metadata."+key, value)
	}
	if p := u.Progress; p != nil {
		progress := strconv.FormatFloat(p.Current, 'g', -1, 64)
		if p.Total != nil {
			progress += "/" + strconv.FormatFloat(*p.Total, 'g', -1, 64)
		}
		if p.Unit != "" {
			progress += " " + p.Unit
		}
		// A unit may be one that text can't end with; and 42% has a total.
		unsaid := strings.TrimSpace(p.Unit) != p.Unit || strings.HasPrefix(p.Unit, "/") || p.Unit == "%" && p.Total == nil
		if unsaid {
			u.Progress = nil
		} else {
			form.Set("progress", progress)
		}
	}
	if e := u.Error; e != nil {
		form.Set("error_code", e.Code)
		form.Set("error_message", e.Message)
		if e.ExitCode != nil {
			form.Set("exit_code", strconv.FormatInt(*e.ExitCode, 10))
		}
	}
	again, warnings, err := decodeUpdate([]byte(form.Encode()), parseForm)
	require.NoError(t, err, "%s", form.Encode())
	require.Empty(t, warnings)
	require.Equal(t, u, again, "%s", form.Encode())
}

func FuzzEntityTags(f *testing.F) {
	for _, line := range []string{
		`"1700000000000-live"`, `W/"1"`, "*", `"a", "b",,"c"`, `"`, `""`, `W/`, `w/"1"`, `"a""b"`, "\"\x00\"", `"-9223372036854775808"`, `*,"a"`, ` , `,
	} {
		f.Add(line, `"1-late"`)
	}
	f.Fuzz(func(t *testing.T, line, next string) {
		parsed, err := parseTags([]string{line})
		if err != nil {
			require.ErrorIs(t, err, errTags)
			require.Zero(t, parsed)
			return
		}
		require.True(t, parsed.given())
		require.False(t, parsed.any && parsed.opaque != nil)
		versions := parsed.versions()
		require.Len(t, versions, len(parsed.opaque))
		for i, tag := range parsed.opaque {
			require.Regexp(t, `\A"[^\x00-\x20"\x7f]*"\z`, []byte(tag))
			require.True(t, parsed.match(tag))
			if versions[i] != noVersion {
				version := etag(versions[i], "")
				require.GreaterOrEqual(t, versions[i], int64(0))
				require.True(t, tag == version || strings.HasPrefix(tag, strings.TrimSuffix(version, `"`)+"-"), "%s is none of ours", tag)
			}
		}
		if parsed.any {
			return
		}
		require.False(t, parsed.match(`"`+strings.Join(parsed.opaque, "")+`"`), "no tag holds a quote")
		again, err := parseTags([]string{strings.Join(parsed.opaque, ", ")})
		require.NoError(t, err)
		require.Equal(t, parsed, again)
		// Lines add up.
		more, err := parseTags([]string{next})
		both, bothErr := parseTags([]string{line, next})
		switch {
		case err == nil && more.any:
			require.ErrorIs(t, bothErr, errTags)
		case err == nil:
			require.NoError(t, bothErr)
			require.Equal(t, append(parsed.opaque, more.opaque...), both.opaque)
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
		wish := func(query string) (wish, error) {
			return readWish(&http.Request{URL: &url.URL{Path: "/status/a", RawQuery: query}, Header: http.Header{"If-None-Match": {tag}}})
		}
		w, err := wish(query)
		if err != nil {
			refused(t, err, invalidHeader, invalidQuery, invalidField)
			return
		}
		require.True(t, 0 <= w.wait && w.wait <= longestWait, w.wait)
		again := url.Values{}
		if w.over {
			again.Set("until", "terminal")
		}
		if w.over || w.wait > 0 || w.version != nil {
			again.Set("wait", w.wait.String())
		}
		seen := &store.Snapshot{}
		seen.Version, seen.Status = 1, model.Fail
		if w.version != nil {
			require.GreaterOrEqual(t, *w.version, int64(0))
			require.Contains(t, query, "=", "a version needs a wait")
			again.Set("version", strconv.FormatInt(*w.version, 10))
			seen.Version = *w.version
		}
		same, err := wish(again.Encode())
		require.NoError(t, err, again.Encode())
		require.Equal(t, w, same, "%s is %s", query, again.Encode())

		there := w.will()(&watch.State{Snapshot: seen})
		switch {
		case w.over:
			require.True(t, there, "it is over")
			require.False(t, w.will()(nowhere), "there is no record that could be over")
		case w.version != nil || w.seen.match(etag(seen.Version, "")):
			require.False(t, there, "that is what it has seen")
		default:
			require.True(t, there)
		}
	})
}
