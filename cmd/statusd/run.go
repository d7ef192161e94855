package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/statusd/statusd/client"
	"github.com/statusd/statusd/internal/config"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// command is a subcommand, by the words that call it.
type command struct {
	words, meaning string
	run            func(ctx context.Context, c config.Config, args []string, stdout, stderr io.Writer) error
	takes          bool                                          // arguments; their faults are a usageError
	ask            func(ctx context.Context, c clientCall) error // instead of run; takes arguments
}

// clientCall is the call of a command that asks a service, or tells it,
// wherever that is. It reads nothing that configures one.
type clientCall struct {
	args           []string
	getenv         func(string) string
	stdout, stderr io.Writer
}

// exitError is an exit code of which everything has been said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

var commands = []command{
	{words: "serve", meaning: "serve the API (also without any command)", run: serve},
	{words: "run", meaning: "run a command, and report how it does", ask: wrapCommand},
	{words: "table create", meaning: "create the table with its indexes, or what of it is missing", run: tableCreate},
	{words: "table migrate", meaning: "carry records of the older layout into the present one", run: tableMigrate},
	{words: "table describe", meaning: "show what the store has under the table's name", run: tableDescribe},
	{words: "token new", meaning: "make a random token, and the line of STATUSD_TOKENS that has it accepted", run: tokenNew, takes: true},
	{words: "token issue", meaning: "sign a token for one job, prefix or owner, by STATUSD_SIGNING_KEYS", run: tokenIssue, takes: true},
	{words: "token key", meaning: "make a key, a line of STATUSD_SIGNING_KEYS", run: tokenKey},
	{words: "get", meaning: "tell of a job", ask: getJob},
	{words: "watch", meaning: "follow a job until it is over, and exit by its outcome", ask: watchJob},
	{words: "list", meaning: "tell of many jobs, the newest first", ask: listJobs},
	{words: "cancel", meaning: "ask a running job to stop", ask: cancelJob},
	{words: "healthcheck", meaning: "ask a running service on this machine whether it is up", run: healthcheck},
}

// usageError is a command that was called in a way that it can't be.
type usageError struct{ error }

// run is the program. It returns the exit code.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	words := strings.Join(args, " ")
	switch words {
	case "":
		args, words = []string{"serve"}, "serve"
	case "-h", "-help", "--help", "help":
		usage(stdout)
		return exitOK
	case "version":
		fmt.Fprintln(stdout, "statusd", programVersion())
		return exitOK
	}
	var rest []string
	at := slices.IndexFunc(commands, func(c command) bool {
		n := len(strings.Fields(c.words))
		if len(args) < n || strings.Join(args[:n], " ") != c.words || len(args) > n && !c.takes && c.ask == nil {
			return false
		}
		rest = args[n:]
		return true
	})
	if at < 0 {
		fmt.Fprintf(stderr, "statusd: no such command: %s\n\n", words)
		usage(stderr)
		return exitUsage
	}
	var err error
	if ask := commands[at].ask; ask != nil {
		err = ask(ctx, clientCall{rest, lookup(environ), stdout, stderr})
	} else {
		c, bad := config.Load(environ, commands[at].words == "serve")
		var faults config.FaultsError
		if errors.As(bad, &faults) {
			for _, f := range faults {
				fmt.Fprintf(stderr, "statusd: %s %s\n", f.Variable, f.Reason)
			}
			return exitUsage
		}
		err = commands[at].run(ctx, c, rest, stdout, stderr)
	}
	var exit exitError
	switch {
	case errors.As(err, &exit):
		return int(exit)
	case errors.Is(err, flag.ErrHelp):
	case errors.As(err, new(usageError)):
		fmt.Fprintf(stderr, "statusd %s: %s\n", commands[at].words, err)
		return exitUsage
	case err != nil:
		// Joined errors have a line each.
		fmt.Fprintf(stderr, "statusd: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
		return exitFailed
	}
	return exitOK
}

// lookup is os.Getenv for this environment, in which the last one counts.
func lookup(environ []string) func(string) string {
	return func(name string) (value string) {
		for _, pair := range environ {
			if rest, ok := strings.CutPrefix(pair, name+"="); ok {
				value = rest
			}
		}
		return value
	}
}

func usage(w io.Writer) {
	fmt.Fprint(w, "statusd tracks the status of model training jobs.\n\nCommands:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range commands {
		fmt.Fprintf(t, "  statusd %s\t%s\n", c.words, c.meaning)
		if c.takes || c.ask != nil {
			fmt.Fprintf(t, "\t  statusd %s -h tells what it takes\n", c.words)
		}
	}
	fmt.Fprintf(t, "  statusd version\tprint the version\n  statusd help\tprint this\n")
	_ = t.Flush() // what can't be printed can't be complained about either
	fmt.Fprint(w, "\nVariables that say to run, get, watch, list and cancel where the service is:\n"+
		"  STATUSD_SERVER      its URL, "+client.DefaultServer+" if not set\n"+
		"  STATUSD_TOKEN       the token to show\n"+
		"  STATUSD_TOKEN_FILE  or the file with it\n")
	fmt.Fprintf(w, "\nVariables that configure a service, their defaults and meaning:\n%s", config.Usage())
}
