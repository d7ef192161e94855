package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/statusd/statusd/client"
)

// asking is what commands that ask a service take: where it is, and more flags
// by set.
type asking struct {
	clientCall
	set    *flag.FlagSet
	server string
	about  string // the command, for who asks for help
}

func (c clientCall) asking(name string) *asking {
	a := &asking{clientCall: c, set: flag.NewFlagSet("statusd "+name, flag.ContinueOnError)}
	a.set.StringVar(&a.server, "server", "", "`URL` of the service; STATUSD_SERVER, or else "+client.DefaultServer)
	return a
}

// parse reads the arguments: flags, before and after others if there may be
// any, of which there are to be as many as are named.
func (a *asking) parse(names ...string) (values []string, err error) {
	a.set.SetOutput(io.Discard) // its complaints are told once, by run
	args := a.args
	for {
		if err := a.set.Parse(args); errors.Is(err, flag.ErrHelp) {
			a.help(names)
			return nil, err
		} else if err != nil {
			return nil, usageError{err}
		}
		if a.set.NArg() == 0 {
			break
		}
		values, args = append(values, a.set.Arg(0)), a.set.Args()[1:]
	}
	switch {
	case len(values) > len(names):
		return nil, usageError{fmt.Errorf("there is nothing to do with %q", values[len(names)])}
	case len(values) < len(names):
		return nil, usageError{fmt.Errorf("%s is missing", names[len(values)])}
	}
	return values, nil
}

func (a *asking) help(names []string) {
	fmt.Fprint(a.stdout, a.set.Name())
	for _, name := range names {
		fmt.Fprint(a.stdout, " ", name)
	}
	fmt.Fprintln(a.stdout, " takes:")
	a.set.SetOutput(a.stdout)
	a.set.PrintDefaults()
	if a.about != "" {
		fmt.Fprintf(a.stdout, "\n%s\n", a.about)
	}
}

// client is for the service that the arguments name, or the environment.
func (a *asking) client(retrying func(error)) (*client.Client, error) {
	config := a.config()
	config.Retrying = retrying
	return client.New(config)
}

func (a *asking) config() client.Config {
	config := client.FromEnvironment(a.getenv)
	if a.server != "" {
		config.Server = a.server
	}
	return config
}
