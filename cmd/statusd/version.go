package main

import "runtime/debug"

// version is given to a build that has no repository at hand:
// go build -ldflags "-X main.version=v1.2.3".
var version string

// programVersion is that, or what the Go tool saw in the repository: a tag, or
// a time and a commit.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
