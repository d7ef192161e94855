package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/statusd/statusd/internal/dynamotest"
)

// setting is all that takes part, and the rows to measure.
type setting struct {
	folder   string
	binary   string // statusd
	children []*child
	rows     []row
}

func (s *setting) close() {
	s.stop()
	_ = os.RemoveAll(s.folder)
}

// stop ends all who take part.
func (s *setting) stop() {
	for _, c := range s.children {
		c.stop()
	}
	s.children = nil
}

// keep notes a child to be stopped.
func (s *setting) keep(c *child, err error) (*child, error) {
	if err == nil {
		s.children = append(s.children, c)
	}
	return c, err
}

// prepare starts what the rows need. The setting is to be closed also after
// an error.
func prepare(ctx context.Context, only string) (*setting, error) {
	s, err := build(ctx)
	if err != nil {
		return s, err
	}
	for _, part := range []struct {
		name string
		add  func(ctx context.Context, binary string) error
	}{{"a", s.addReads}, {"b", s.addEmbedded}, {"c", s.addDynamo}, {"g", s.addAccess}} {
		if only == "" || only == part.name {
			if err := part.add(ctx, s.binary); err != nil {
				return s, fmt.Errorf("preparing %s: %w", part.name, err)
			}
		}
	}
	return s, nil
}

// build begins a setting with the program that is measured. It is to be closed
// also after an error.
func build(ctx context.Context) (s *setting, err error) {
	s = new(setting)
	if s.folder, err = os.MkdirTemp("", "statusd-bench-"); err != nil {
		return s, err
	}
	s.binary = filepath.Join(s.folder, "statusd")
	command := exec.CommandContext(ctx, "go", "build", "-o", s.binary, "./cmd/statusd")
	command.Stderr = os.Stderr
	return s, command.Run()
}

// service starts statusd with a log file of its own.
func (s *setting) service(ctx context.Context, binary string, env ...string) (*child, error) {
	log := filepath.Join(s.folder, fmt.Sprintf("statusd-%d.log", len(s.children)))
	return s.keep(startService(ctx, binary, log, env...))
}

func (s *setting) embeddedService(ctx context.Context, binary, file string) (*child, error) {
	return s.service(ctx, binary, "STATUSD_STORE=embedded", "STATUSD_DATA="+filepath.Join(s.folder, file))
}

// addReads adds (a): GET of one hot record, against net/http.
func (s *setting) addReads(ctx context.Context, binary string) error {
	service, err := s.embeddedService(ctx, binary, "reads.db")
	if err != nil {
		return err
	}
	url := "http://" + service.address + "/status/hot"
	answer, err := http.Post(url, "application/json", strings.NewReader(
		`{"status":"in-progress","attempt":1,"progress":{"current":3,"total":10,"unit":"epoch"},"message":"loss 0.21"}`))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	file := filepath.Join(s.folder, "body.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return err
	}
	bare, err := s.keep(startSelf("bare", file))
	if err != nil {
		return err
	}
	s.rows = append(s.rows, row{
		name: "(a) GET one hot record, 64 connections", target: 0.75,
		bare: side{"net/http", newLoad(bare.address, 64, get("/status/hot")).measure, bare},
		ours: side{"statusd", newLoad(service.address, 64, get("/status/hot")).measure, service},
	})
	return nil
}

// addEmbedded adds (b): heartbeats on the embedded store, against its engine.
func (s *setting) addEmbedded(ctx context.Context, binary string) error {
	service, err := s.embeddedService(ctx, binary, "service.db")
	if err != nil {
		return err
	}
	engine, err := s.keep(startSelf("engine", filepath.Join(s.folder, "engine.db")))
	if err != nil {
		return err
	}
	for _, connections := range []int{1, 16, 64} {
		s.rows = append(s.rows, row{
			name: fmt.Sprintf("(b) POST heartbeats, embedded, %d connections", connections), target: 0.40,
			bare: side{"engine", engine.loop(connections), engine},
			ours: side{"statusd", newLoad(service.address, connections, heartbeat).measure, service},
		})
	}
	return nil
}

// addDynamo adds (c): heartbeats on a DynamoDB server and on a stub that
// answers at once, against the SDK.
func (s *setting) addDynamo(ctx context.Context, binary string) error {
	server, err := dynamotest.Run(ctx, "")
	if err != nil {
		return err
	}
	stub, err := s.keep(startSelf("stub"))
	if err != nil {
		return err
	}
	for _, on := range []struct {
		name, endpoint, create string
		connections            []int
		target                 float64
	}{
		{"DynamoDB server", server.Endpoint, "true", []int{1, 16, 64}, 0.88},
		{"stub", "http://" + stub.address, "false", []int{64}, 0.60},
	} {
		service, err := s.service(ctx, binary, "STATUSD_STORE=dynamodb", "STATUSD_TABLE=bench",
			"STATUSD_DYNAMODB_ENDPOINT="+on.endpoint, "STATUSD_CREATE_TABLE="+on.create)
		if err != nil {
			return err
		}
		sdk, err := s.keep(startSelf("sdk", on.endpoint, "bench"))
		if err != nil {
			return err
		}
		for _, connections := range on.connections {
			r := row{
				name: fmt.Sprintf("(c) POST heartbeats, %s, %d connections", on.name, connections), target: on.target,
				bare: side{"SDK", sdk.loop(connections), sdk},
				ours: side{"statusd", newLoad(service.address, connections, heartbeat).measure, service},
			}
			if on.name == "stub" {
				r.ours, r.note = countRequests(r.ours, stub)
			}
			s.rows = append(s.rows, r)
		}
	}
	return nil
}

// countRequests makes a side tell how many requests to the store its own
// requests have cost.
func countRequests(s side, stub *child) (side, func() string) {
	measure := s.measure
	var posts, updates, all int
	counts := func() (map[string]int, error) {
		answer, err := http.Get("http://" + stub.address)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		var c map[string]int
		return c, json.NewDecoder(answer.Body).Decode(&c)
	}
	return side{s.name, func(ctx context.Context, length time.Duration) (int, error) {
			before, err := counts()
			if err != nil {
				return 0, err
			}
			n, err := measure(ctx, length)
			if err != nil {
				return 0, err
			}
			after, err := counts()
			posts += n
			updates += after["UpdateItem"] - before["UpdateItem"]
			for operation := range after {
				all += after[operation] - before[operation]
			}
			return n, err
		}, s.process}, func() string {
			return fmt.Sprintf("%d heartbeats on the stub cost %d UpdateItem, and %d other requests", posts, updates, all-updates)
		}
}
