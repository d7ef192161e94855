package api

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
)

// trace is where a request stands in a distributed trace.
// https://www.w3.org/TR/trace-context/#traceparent-header
type trace struct {
	id    string // 32 hexadecimal digits
	flags string // 2
}

// continued returns the caller's trace if the header names one, or a new one.
func continued(traceparent string) trace {
	if t, ok := parseTraceparent(traceparent); ok {
		return t
	}
	return trace{id: randomHex(16), flags: "00"}
}

func parseTraceparent(s string) (trace, bool) {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(s) < length || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return trace{}, false
	}
	version, id, parent, flags := s[:2], s[3:35], s[36:52], s[53:length]
	for _, digits := range []string{version, id, parent, flags} {
		if strings.Trim(digits, "0123456789abcdef") != "" {
			return trace{}, false
		}
	}
	// A later version may say more after another dash.
	more := s[length:]
	if version == "ff" || version == "00" && more != "" || more != "" && more[0] != '-' {
		return trace{}, false
	}
	if strings.Trim(id, "0") == "" || strings.Trim(parent, "0") == "" {
		return trace{}, false
	}
	return trace{id, flags}, true
}

// traceparent names this request's own span in the trace.
func (t trace) traceparent() string {
	return "00-" + t.id + "-" + randomHex(8) + "-" + t.flags
}

// randomHex returns n random bytes in hexadecimal; n is 8 or 16. They need be
// unlikely to repeat, not hard to guess.
func randomHex(n int) string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], rand.Uint64()|1) // never all zero
	binary.LittleEndian.PutUint64(b[8:], rand.Uint64())
	return hex.EncodeToString(b[:n])
}
