package main

import (
	"context"
	"errors"
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
	run            func(ctx context.Context, c config.Config, stdout, stderr io.Writer) error
}

var commands = []command{
	{"serve", "serve the API (also without any command)", serve},
	{"table create", "create the table with its indexes, or what of it is missing", tableCreate},
	{"table migrate", "carry records of the older layout into the present one", tableMigrate},
	{"table describe", "show what the store has under the table's name", tableDescribe},
	{"healthcheck", "ask a running service on this machine whether it is up", healthcheck},
}

// run is the program. It returns the exit code.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	words := strings.Join(args, " ")
	switch words {
	case "":
		words = "serve"
	case "-h", "-help", "--help", "help":
		usage(stdout)
		return exitOK
	case "version":
		fmt.Fprintln(stdout, "statusd", programVersion())
		return exitOK
	}
	at := slices.IndexFunc(commands, func(c command) bool { return c.words == words })
	if at < 0 {
		fmt.Fprintf(stderr, "statusd: no such command: %s\n\n", words)
		usage(stderr)
		return exitUsage
	}
	c, err := config.Load(environ)
	var faults config.FaultsError
	if errors.As(err, &faults) {
		for _, f := range faults {
			fmt.Fprintf(stderr, "statusd: %s %s\n", f.Variable, f.Reason)
		}
		return exitUsage
	}
	if err := commands[at].run(ctx, c, stdout, stderr); err != nil {
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
	}
	fmt.Fprintf(t, "  statusd version\tprint the version\n  statusd help\tprint this\n")
	_ = t.Flush() // what can't be printed can't be complained about either
	fmt.Fprintf(w, "\nVariables of the environment, their defaults and meaning:\n%s", config.Usage())
}
