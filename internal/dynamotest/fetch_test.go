package dynamotest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// fetch runs the script with some of the programs that it calls replaced, and
// returns what it said.
func fetch(t *testing.T, file string, replaced map[string]string) (string, error) {
	t.Helper()
	folder := t.TempDir()
	for name, script := range replaced {
		require.NoError(t, os.Symlink(program(t, script), filepath.Join(folder, name)))
	}
	command := exec.Command("sh", "fetch.sh", file)
	command.Env = append(os.Environ(), "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	said, err := command.CombinedOutput()
	return string(said), err
}

// linux answers as the system that there is a server for.
const linux = `case $1 in -s) echo Linux ;; -m) echo x86_64 ;; esac`

// packed is what npm does: it leaves an archive.
const packed = `mkdir package && echo "not the server" >package/dynoxide && tar -czf it.tgz package`

func TestAPackageThatIsNotWhatItWasIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tools", "server")
	said, err := fetch(t, file, map[string]string{"uname": linux, "npm": packed})
	require.Error(t, err)
	require.Contains(t, said, "is not what it was: its sha512 is ")
	require.NoFileExists(t, file)
}

func TestAnotherSystemIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	said, err := fetch(t, filepath.Join(t.TempDir(), "server"), map[string]string{"uname": "echo Plan9", "npm": "echo called"})
	require.Error(t, err)
	require.Contains(t, said, endpointVariable)
	require.NotContains(t, said, "called")
}

func TestAServerThatIsThereIsNotFetchedAgain(t *testing.T) {
	t.Parallel()
	file := program(t, "exit 0")
	known, err := exec.Command("sed", "-n", "s/^integrity=//p", "fetch.sh").Output()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file+".integrity", known, 0o600))
	said, err := fetch(t, file, map[string]string{"uname": linux, "npm": "echo called; exit 1"})
	require.NoError(t, err, said)
	require.Empty(t, said)

	require.NoError(t, os.WriteFile(file+".integrity", []byte("an older one's\n"), 0o600))
	_, err = fetch(t, file, map[string]string{"uname": linux, "npm": "exit 1"})
	require.Error(t, err, "another version is fetched")
}
