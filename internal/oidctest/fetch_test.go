package oidctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// fetch runs the script with npm replaced, and returns what it said.
func fetch(t *testing.T, folder, npm string) (string, error) {
	t.Helper()
	programs := t.TempDir()
	// A process that another test forks meanwhile would hold the file open, and
	// what is being written can't be run.
	syscall.ForkLock.RLock()
	err := os.WriteFile(filepath.Join(programs, "npm"), []byte("#!/bin/sh\n"+npm), 0o700)
	syscall.ForkLock.RUnlock()
	require.NoError(t, err)
	command := exec.Command("sh", "fetch.sh", folder)
	command.Env = append(os.Environ(), "PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"))
	said, err := command.CombinedOutput()
	return string(said), err
}

func TestTheProviderIsFetchedOnceByItsHashes(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "tools", "provider")
	said, err := fetch(t, folder, `echo "$*" >called; mkdir node_modules`)
	require.NoError(t, err, said)
	called, err := os.ReadFile(filepath.Join(folder, "called"))
	require.NoError(t, err)
	require.Contains(t, string(called), "ci --ignore-scripts ", "ci holds packages to their hashes")
	said, err = fetch(t, folder, "echo called; exit 1")
	require.NoError(t, err, said)
	require.Empty(t, said)

	require.NoError(t, os.WriteFile(filepath.Join(folder, "fetched"), []byte("an older one's\n"), 0o600))
	_, err = fetch(t, folder, `[ ! -e node_modules ]`)
	require.NoError(t, err, "another version is fetched anew")
}

func TestAProviderThatCantBeFetchedIsSaidAndNotTakenForOne(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for range 2 {
		said, err := fetch(t, folder, "echo no such package >&2; exit 1")
		require.Error(t, err)
		require.Contains(t, said, "no such package\n")
		require.Contains(t, said, "can't be fetched")
		require.NoFileExists(t, filepath.Join(folder, "fetched"))
	}
}

func TestEveryPackageHasItsHashAndNoRegistryIsNamed(t *testing.T) {
	t.Parallel()
	lock, err := os.ReadFile("package-lock.json")
	require.NoError(t, err)
	packages := regexp.MustCompile(`"node_modules/[^"]+": \{`).FindAll(lock, -1)
	require.NotEmpty(t, packages)
	require.Len(t, regexp.MustCompile(`"integrity": "sha512-`).FindAll(lock, -1), len(packages))
	require.NotContains(t, string(lock), `"resolved"`)
}
