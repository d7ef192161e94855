package api

import (
	"errors"
	"strconv"
	"strings"

	"github.com/statusd/statusd/internal/model"
)

// etag is the entity tag of a record: `"1700000000000-live"`, or
// `"1700000000000"` for a job that is over. All else in an answer follows from
// the record.
func etag(version int64, liveness model.Liveness) string {
	tag := `"` + strconv.FormatInt(version, 10)
	if liveness != "" {
		tag += "-" + string(liveness)
	}
	return tag + `"`
}

// tags is what If-Match or If-None-Match lists.
type tags struct {
	any    bool     // *
	opaque []string // with their quotes, without W/
}

var errTags = errors.New(`must be * or a list of entity tags, like "1700000000000-live"`)

// parseTags reads the lines of such a header; none are no tags.
// https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
func parseTags(lines []string) (tags, error) {
	var t tags
	if len(lines) == 0 {
		return t, nil
	}
	rest := strings.Trim(strings.Join(lines, ","), " \t")
	if rest == "*" {
		return tags{any: true}, nil
	}
	for {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			break
		}
		tag, after, ok := cutTag(rest)
		if !ok {
			return tags{}, errTags
		}
		t.opaque = append(t.opaque, tag)
		rest = strings.TrimLeft(after, " \t")
		if rest != "" && rest[0] != ',' {
			return tags{}, errTags
		}
	}
	if len(t.opaque) == 0 {
		return tags{}, errTags
	}
	return t, nil
}

// cutTag takes one entity tag off the front.
func cutTag(s string) (tag, after string, ok bool) {
	s = strings.TrimPrefix(s, "W/")
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	end := strings.IndexByte(s[1:], '"') + 2
	if end < 2 {
		return "", "", false
	}
	for _, c := range []byte(s[1 : end-1]) {
		if c <= ' ' || c == 0x7f {
			return "", "", false
		}
	}
	return s[:end], s[end:], true
}

// given tells whether there were any.
func (t tags) given() bool { return t.any || t.opaque != nil }

// match compares weakly.
func (t tags) match(tag string) bool {
	if t.any {
		return true
	}
	for _, one := range t.opaque {
		if one == tag {
			return true
		}
	}
	return false
}

// noVersion is what a tag that is none of ours asks for.
const noVersion = -1

// versions returns the versions that the tags name. Whatever liveness was seen
// with it, the version is what a writer saw.
func (t tags) versions() []int64 {
	var versions []int64
	for _, tag := range t.opaque {
		number, _, _ := strings.Cut(strings.Trim(tag, `"`), "-")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version < 0 || strconv.FormatInt(version, 10) != number { // +5 and 05 are none
			version = noVersion
		}
		versions = append(versions, version)
	}
	return versions
}
