package embedded

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

func TestTheWritersConnectionSyncsEveryCommit(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	require.Equal(t, int64(2), on(t, e, "synchronous"), "2 is FULL")
	require.Equal(t, "wal", on(t, e, "journal_mode"))
	require.Equal(t, int64(checkpointPages), on(t, e, "wal_autocheckpoint"))
}

func TestWhatWasWrittenIsThereAfterOpeningAgain(t *testing.T) {
	t.Parallel()
	e, path := newEngine(t)
	put(t, e, "a", table.Item{"state": text("new"), "at": number(7)})
	require.NoError(t, e.Close())
	e = reopen(t, path)
	require.Equal(t, number(7), get(t, e, "a")["at"])
	page, err := e.Query(t.Context(), jobs(), table.Query{Index: jobs().Indexes[0], Hash: text("new"), Limit: 5})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.NoError(t, e.CreateTable(t.Context(), jobs(), table.Capacity{}))
}

func TestAPersonCanReadTheItems(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	put(t, e, "a", table.Item{"state": text("née \"x\"\n"), "at": number(7)})
	require.NoError(t, e.read(t.Context(), func(c *conn) error {
		row, err := c.one(`SELECT key, item FROM jobs WHERE item ->> '$.state.S' LIKE 'née%'`)
		require.NoError(t, err)
		require.Equal(t, "a", row[0])
		require.Equal(t, `{"id":{"S":"a"},"at":{"N":"7"},"state":{"S":"née \"x\"\u000a"},"version":{"N":"1"}}`, row[1])
		return nil
	}))
}

func TestAFileThatIsOpenIsRefused(t *testing.T) {
	t.Parallel()
	e, path := newEngine(t)
	_, err := Open(path)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "another process has it open")
	require.NoError(t, e.Close())
	reopen(t, path)
}

func TestAFileThatIsNotOursIsRefusedAndLeftAsItIs(t *testing.T) {
	t.Parallel()
	t.Run("another program's database", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "other.db")
		require.NoError(t, makeFile(path))
		c, err := openConn(path, "CREATE TABLE t (x)")
		require.NoError(t, err)
		require.NoError(t, c.close())
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		_, err = Open(path)
		require.ErrorContains(t, err, "not a file of statusd")
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, before, after)
	})
	t.Run("no database", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "notes.txt")
		require.NoError(t, os.WriteFile(path, []byte("these are notes, and quite a few of them are long\n"), 0o600))
		_, err := Open(path)
		require.ErrorContains(t, err, "not a file of statusd")
	})
	t.Run("a folder", func(t *testing.T) {
		t.Parallel()
		_, err := Open(t.TempDir())
		require.Error(t, err)
	})
}

func TestAFileOfANewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	e, path := newEngine(t)
	require.NoError(t, e.Close())
	c, err := openConn(path, "PRAGMA user_version = 99")
	require.NoError(t, err)
	require.NoError(t, c.close())
	_, err = Open(path)
	require.ErrorContains(t, err, "newer statusd")
	require.ErrorContains(t, err, "99")
}

func TestAFolderThatCannotBeMadeIsAnError(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(filepath.Join(file, "statusd.db"))
	require.ErrorContains(t, err, "not a directory")
}

func TestAFileWhoseLogCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	e, path := newEngine(t)
	require.NoError(t, e.Close())
	require.NoError(t, os.Mkdir(path+"-wal", 0o700)) // stops root, too, whom no permission does
	_, err := Open(path)
	require.ErrorContains(t, err, path)
	require.NoError(t, os.Remove(path+"-wal"))
	reopen(t, path)
}

func TestTablesWhoseNamesDifferByCaseAloneAreTwo(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	upper := jobs()
	upper.Table = "Jobs"
	upper.Indexes[0].Hash = "State"
	upper.Attributes[1].Name = "State"
	require.NoError(t, e.CreateTable(t.Context(), upper, table.Capacity{}))
	put(t, e, "a", nil)
	item, err := e.Get(t.Context(), upper, text("a"), true)
	require.NoError(t, err)
	require.Nil(t, item)
}
