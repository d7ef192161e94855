// Package dynamotest is for tests and measurements. It alone knows how to have
// a real DynamoDB server on this machine, and how to make it misbehave.
package dynamotest

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Server is a DynamoDB server.
type Server struct {
	Endpoint string // its URL; "" is AWS itself
	stop     func()
}

// The variables that choose the server: the URL of one that is running, or
// "aws" for AWS itself; or where the binary is, if not in .tools.
const (
	endpointVariable = "STATUSD_TEST_DYNAMODB_ENDPOINT"
	binaryVariable   = "STATUSD_TEST_DYNOXIDE"
)

var shared = sync.OnceValues(func() (*Server, error) {
	switch endpoint := os.Getenv(endpointVariable); endpoint {
	case "":
		return Run(context.Background(), "")
	case "aws":
		return &Server{}, nil
	default:
		return &Server{Endpoint: endpoint}, nil
	}
})

// Start returns the server that all tests of a package share. One that it
// starts ends with the test process.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s, err := shared()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// Run starts a server that keeps its data in a file, or in memory if there is
// none, and waits until it listens. It ends with Close, or with this process.
func Run(ctx context.Context, file string) (*Server, error) {
	program, err := binary()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	// A port that is free now may be another one's a moment later: packages are
	// tested side by side.
	for range 5 {
		var s *Server
		if s, err = run(ctx, program, file); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func run(ctx context.Context, program, file string) (*Server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(address)
	args := []string{"--host", host, "--port", port}
	if file != "" {
		args = append(args, "--db-path", file)
	}
	life, kill := context.WithCancel(context.Background())
	command := exec.CommandContext(life, program, args...)
	command.SysProcAttr = endWithParent()
	ready, ended := make(chan error, 2), make(chan struct{})
	go func() {
		// The kernel watches the thread that started the process, not the
		// program: it has to stay.
		runtime.LockOSThread()
		defer close(ended)
		attend(command, ready)
	}()
	s := &Server{Endpoint: "http://" + address, stop: func() { kill(); <-ended }}
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = fmt.Errorf("the DynamoDB server does not listen: %w", context.Cause(ctx))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// attend runs the server until it ends, and tells whether it listens: it says
// so then. (To ask its port could reach another package's server.)
func attend(command *exec.Cmd, ready chan<- error) {
	out, err := command.StderrPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		ready <- err
		return
	}
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), "listening") {
			ready <- nil
			_, _ = io.Copy(io.Discard, out)
		}
	}
	ready <- fmt.Errorf("the DynamoDB server has ended: %v: %s", command.Wait(), strings.Join(said, "; "))
}

// Close ends a server that Run has started.
func (s *Server) Close() {
	if s.stop != nil {
		s.stop()
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// binary finds the server's program.
func binary() (string, error) {
	if named := os.Getenv(binaryVariable); named != "" {
		return named, nil
	}
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			break
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("not within a Go module")
		}
	}
	file := filepath.Join(folder, ".tools", "dynoxide")
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("the DynamoDB server for tests is not there: run `make tools`, or name a running one in %s (%w)", endpointVariable, err)
	}
	return file, nil
}

// Config is the SDK's configuration for the server: what AWS needs, or for
// any other anything at all.
func Config(tb testing.TB) aws.Config {
	tb.Helper()
	if os.Getenv(endpointVariable) == "aws" {
		c, err := awsconfig.LoadDefaultConfig(context.Background())
		if err != nil {
			tb.Fatal(err)
		}
		return c
	}
	return aws.Config{
		Region:      "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

// TableName returns a name that no other test has.
func TableName(tb testing.TB) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", r) {
			return r
		}
		return '-'
	}, tb.Name())
	return "test-" + rand.Text()[:8] + "-" + name[:min(len(name), 100)]
}
