package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/statusd/statusd/internal/auth"
	"github.com/statusd/statusd/internal/config"
)

// signedFor is how long a signed token is good for, unless somebody says else:
// longer than a training runs, so that none dies in its middle.
const signedFor = 30 * 24 * time.Hour

// forWhat is what a token is to be good for.
type forWhat struct {
	scope string
	bound auth.Bound
	last  time.Duration
}

// flags are those that both kinds of token have.
func (f *forWhat) flags(name string, last time.Duration, ever string) *flag.FlagSet {
	set := flag.NewFlagSet("statusd token "+name, flag.ContinueOnError)
	set.StringVar(&f.scope, "scope", "", "read: see jobs; write: report, and see; admin: everything")
	set.StringVar(&f.bound.Job, "job", "", "for this `request_id` alone")
	set.StringVar(&f.bound.Prefix, "prefix", "", "for the jobs whose request_id `begins` so")
	set.StringVar(&f.bound.Owner, "owner", "", "for the jobs of this `owner`")
	set.DurationVar(&f.last, "expires", last, "how `long` it is good for, like 12h"+ever)
	return set
}

// parse reads the arguments. Whoever asks for help gets it, and nothing else:
// flag.ErrHelp.
func parse(set *flag.FlagSet, args []string, stdout io.Writer) error {
	set.SetOutput(io.Discard) // its complaints are told once, by run
	if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
		set.SetOutput(stdout)
		fmt.Fprintf(stdout, "%s takes:\n", set.Name())
		set.PrintDefaults()
		return err
	} else if err != nil {
		return usageError{err}
	}
	if set.NArg() > 0 {
		return usageError{fmt.Errorf("there is nothing to do with %q", set.Arg(0))}
	}
	return nil
}

func (f *forWhat) end(now time.Time) time.Time {
	if f.last == 0 {
		return time.Time{}
	}
	return now.Add(f.last).UTC().Truncate(time.Second)
}

// tokenNew makes a token that a file is to name. The line goes to standard
// output, so that it can be appended to the file; the token to standard error.
func tokenNew(_ context.Context, _ config.Config, args []string, stdout, stderr io.Writer) error {
	var f forWhat
	set := f.flags("new", 0, "; 0 for ever")
	name := set.String("name", "", "whose it is, for the log (`who`)")
	if err := parse(set, args, stdout); err != nil {
		return err
	}
	token, line, err := auth.NewToken(auth.TokenLine{Name: *name, Scope: f.scope, Bound: f.bound, Expires: f.end(time.Now())})
	if err != nil {
		return usageError{err}
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "The token, which is not shown again:\n\n  %s\n\nThe line for the file that STATUSD_TOKENS names:\n\n", token)
	_, err = fmt.Fprintf(stdout, "%s\n", text)
	return err
}

// tokenIssue signs a token, or a link with one.
func tokenIssue(_ context.Context, c config.Config, args []string, stdout, _ io.Writer) error {
	var f forWhat
	set := f.flags("issue", signedFor, "")
	share := set.Bool("share", false, "a link to the page of --job, for whoever has it, to read")
	base := set.String("url", "http://"+reachable(c.Addr), "where that page is")
	if err := parse(set, args, stdout); err != nil {
		return err
	}
	if c.SigningKeys == "" {
		return errors.New("STATUSD_SIGNING_KEYS is not set: it names the file of keys, a line each from statusd token key")
	}
	if *share && f.scope == "" {
		f.scope = auth.Read.String()
	}
	scope, err := auth.ParseScope(f.scope)
	if err != nil {
		return usageError{err}
	}
	keys, err := os.ReadFile(c.SigningKeys)
	if err != nil {
		return err
	}
	now := time.Now()
	token, err := auth.Issue(keys, auth.Grant{Scope: scope, Bound: f.bound, Expires: f.end(now), Share: *share}, now)
	if err != nil {
		return err
	}
	if *share {
		token = fmt.Sprintf("%s/jobs/%s#token=%s", strings.TrimRight(*base, "/"), url.PathEscape(f.bound.Job), token)
	}
	_, err = fmt.Fprintln(stdout, token)
	return err
}

// tokenKey makes a key to sign tokens by.
func tokenKey(_ context.Context, _ config.Config, _ []string, stdout, _ io.Writer) error {
	_, err := fmt.Fprintln(stdout, auth.NewKey(time.Now()))
	return err
}
