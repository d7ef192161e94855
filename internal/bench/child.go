package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child is a process that takes part in a measurement.
type child struct {
	command *exec.Cmd
	address string
}

// startSelf starts this program in one of its roles, and waits until it tells
// the address that it listens on.
func startSelf(role string, args ...string) (*child, error) { return startSelfIn(nil, role, args...) }

// startSelfIn does so with variables beside those of this process.
func startSelfIn(env []string, role string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.Command(self, append([]string{role}, args...)...)
	command.Stderr = os.Stderr
	command.Env = append(os.Environ(), env...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("%s did not start: %w", role, err)
	}
	return &child{command, strings.TrimSpace(line)}, nil
}

// startService starts statusd and waits until it is ready.
func startService(ctx context.Context, binary, logFile string, env ...string) (*child, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	command := exec.Command(binary)
	// All of the load is one client's; what limits cost is measured by itself.
	command.Env = append([]string{
		"STATUSD_ADDR=" + address, "HOME=" + os.TempDir(), "STATUSD_LOG_LEVEL=info",
		"STATUSD_RATE_LIMIT=0", "STATUSD_MAX_IN_FLIGHT=0", "STATUSD_MAX_WATCHERS_EACH=0", "STATUSD_MAX_CONNECTIONS=0",
	}, env...)
	// The access log is written, as in service, but not to a terminal.
	log, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return nil, err
	}
	c := &child{command, address}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		answer, err := http.Get("http://" + address + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return c, nil
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.stop()
	said, _ := os.ReadFile(logFile)
	return nil, fmt.Errorf("statusd did not become ready: %s", said)
}

func (c *child) stop() {
	_ = c.command.Process.Kill()
	_ = c.command.Wait()
}

// cpu is the processor time that the process has used so far, from
// /proc/PID/stat (proc(5): utime and stime, in ticks of 1/100 s).
func (c *child) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := bytes.Cut(stat, []byte(") ")) // the name before may hold anything
	fields := strings.Fields(string(after))
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is too short")
	}
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// loop is a side whose work is done inside its own process, on demand.
func (c *child) loop(connections int) func(context.Context, time.Duration) (int, error) {
	return func(ctx context.Context, length time.Duration) (int, error) {
		url := fmt.Sprintf("http://%s/?connections=%d&length=%s", c.address, connections, length)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return 0, err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, err
		}
		defer answer.Body.Close()
		var done bytes.Buffer
		if _, err := done.ReadFrom(answer.Body); err != nil {
			return 0, err
		}
		if answer.StatusCode != http.StatusOK {
			return 0, errors.New(done.String())
		}
		return strconv.Atoi(done.String())
	}
}
