package api

import (
	"net"
	"net/netip"
	"strings"
)

// hostAllowed tells whether a request may name this host. A page on another
// site can point a name of its own at this address, and its scripts then count
// as being of one origin with us (DNS rebinding); it can do so neither with an
// address nor with localhost, which are always allowed. Other names have to be
// listed: a name, "*.example.com" for all names below one, or "*" for any. A
// request without Host is no browser's.
func hostAllowed(host string, allowed []string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	if host == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	for _, pattern := range allowed {
		pattern = strings.ToLower(pattern)
		below, wildcard := strings.CutPrefix(pattern, "*")
		switch {
		case pattern == "*", pattern == name:
			return true
		case wildcard && strings.HasPrefix(below, ".") && strings.HasSuffix(name, below):
			return true
		}
	}
	return false
}
