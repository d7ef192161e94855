package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHostIsAnAddressLocalhostOrOnTheList(t *testing.T) {
	t.Parallel()
	list := []string{"statusd.example.com", "*.svc.cluster.local"}
	for host, want := range map[string]bool{
		"":                             true, // HTTP/1.0
		"127.0.0.1":                    true,
		"127.0.0.1:8080":               true,
		"10.1.2.3:80":                  true,
		"[::1]":                        true,
		"[::1]:8080":                   true,
		"[fe80::1%25eth0]:8080":        true,
		"localhost":                    true,
		"LOCALHOST:8080":               true,
		"localhost.:8080":              true,
		"app.localhost:8080":           true,
		"statusd.example.com":          true,
		"Statusd.Example.COM.:443":     true,
		"statusd.ml.svc.cluster.local": true,
		"svc.cluster.local":            false,
		"evilsvc.cluster.local":        false,
		"evil.example.com":             false,
		"example.com":                  false,
		"localhost.evil.com":           false,
		"127.0.0.1.evil.com":           false,
		"evillocalhost":                false,
	} {
		require.Equal(t, want, hostAllowed(host, list), host)
	}
	require.True(t, hostAllowed("any.example.org", []string{"*"}))
	require.False(t, hostAllowed("statusd", nil))
}
