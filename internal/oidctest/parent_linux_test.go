package oidctest

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// innerVariable is set for a test process within a test.
const innerVariable = "OIDCTEST_INNER"

func listens(p *Provider) bool {
	answer, err := http.Get(p.Issuer + "/jwks")
	return err == nil && answer.Body.Close() == nil
}

func TestAProviderEndsWithATestProcessThatIsKilled(t *testing.T) {
	t.Parallel()
	if os.Getenv(innerVariable) != "" {
		fmt.Println(Start(t, time.Hour).Issuer)
		select {}
	}
	self := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	self.Env = append(os.Environ(), innerVariable+"=yes", "TMPDIR="+t.TempDir()) // it leaves its files
	out, err := self.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, self.Start())
	issuer, err := bufio.NewReader(out).ReadString('\n')
	p := &Provider{Issuer: strings.TrimSpace(issuer)}
	there := listens(p)
	require.NoError(t, self.Process.Kill())
	require.Error(t, self.Wait())
	require.NoError(t, err)
	require.True(t, there, issuer)
	require.Eventually(t, func() bool { return !listens(p) }, 10*time.Second, 10*time.Millisecond)
}

func TestAProviderOutlivesTheThreadsOfOthers(t *testing.T) {
	t.Parallel()
	p := Start(t, time.Hour)
	// Each of these takes a thread for itself, an idle one if there is one, and
	// the thread ends with it.
	var held, ended sync.WaitGroup
	for range 64 {
		held.Add(1)
		ended.Go(func() {
			runtime.LockOSThread()
			held.Done()
			held.Wait()
		})
	}
	ended.Wait()
	require.Never(t, func() bool { return !listens(p) }, 500*time.Millisecond, 50*time.Millisecond)
}
