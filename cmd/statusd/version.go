package main

import "runtime/debug"

// release is the version that a build without its repository at hand is given:
// go build -ldflags "-X main.release=v1.2.3".
var release string

// version is the release, or what the Go tool saw in the repository: a tag, or
// a time and a commit.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
