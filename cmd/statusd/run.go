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
	takes          bool // arguments; their faults are a usageError
}

var commands = []command{
	{"serve", "serve the API (also without any command)", serve, false},
	{"table create", "create the table with its indexes, or what of it is missing", tableCreate, false},
	{"table migrate", "carry records of the older layout into the present one", tableMigrate, false},
	{"table describe", "show what the store has under the table's name", tableDescribe, false},
	{"token new", "make a random token, and the line of STATUSD_TOKENS that has it accepted", tokenNew, true},
	{"token issue", "sign a token for one job, prefix or owner, by STATUSD_SIGNING_KEYS", tokenIssue, true},
	{"token key", "make a key, a line of STATUSD_SIGNING_KEYS", tokenKey, false},
	{"healthcheck", "ask a running service on this machine whether it is up", healthcheck, false},
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
		if len(args) < n || strings.Join(args[:n], " ") != c.words || len(args) > n && !c.takes {
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
	c, err := config.Load(environ, commands[at].words == "serve")
	var faults config.FaultsError
	if errors.As(err, &faults) {
		for _, f := range faults {
			fmt.Fprintf(stderr, "statusd: %s %s\n", f.Variable, f.Reason)
		}
		return exitUsage
	}
	switch err := commands[at].run(ctx, c, rest, stdout, stderr); {
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

func usage(w io.Writer) {
	fmt.Fprint(w, "statusd tracks the status of model training jobs.\n\nCommands:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range commands {
		fmt.Fprintf(t, "  statusd %s\t%s\n", c.words, c.meaning)
		if c.takes {
			fmt.Fprintf(t, "\t  statusd %s -h tells what it takes\n", c.words)
		}
	}
	fmt.Fprintf(t, "  statusd version\tprint the version\n  statusd help\tprint this\n")
	_ = t.Flush() // what can't be printed can't be complained about either
	fmt.Fprintf(w, "\nVariables of the environment, their defaults and meaning:\n%s", config.Usage())
}
