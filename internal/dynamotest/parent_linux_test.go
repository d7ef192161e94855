package dynamotest

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// programVariable names, to a test process within a test, what it shall run.
const programVariable = "DYNAMOTEST_PROGRAM"

func TestAServerEndsWithATestProcessThatIsKilled(t *testing.T) {
	t.Parallel()
	if inner := os.Getenv(programVariable); inner != "" {
		_, err := run(t.Context(), inner, "")
		require.NoError(t, err)
		select {}
	}
	file, opened, released := held(t)
	self := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	self.Env = append(os.Environ(), programVariable+"="+program(t, "exec 9>"+file+"; echo listening >&2; exec sleep 60"))
	require.NoError(t, self.Start())
	<-opened
	require.NoError(t, self.Process.Kill())
	require.Error(t, self.Wait())
	<-released
}
