// Command bench measures what statusd costs beside the bare thing that it is
// built on: a net/http server, its own engine, the SDK. Both sides of a row
// run on this machine, in processes of their own, in turns; a row tells the
// medians over the rounds, their ratio, and the CPU time of the measured
// process for one request.
//
// The load comes from this process, so that it shares the cores: figures are
// for comparing within one run, and not with another machine's.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 4, "interleaved rounds; the medians are told")
	length := flag.Duration("length", 3*time.Second, "length of one measurement")
	streams := flag.Int("streams", 10000, "streams that wait in (d), at most 19,000; half as many are measured too")
	only := flag.String("only", "", "measure one of a to g alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if flag.NArg() > 0 { // a process of this command's own
		exit(play(ctx, flag.Arg(0), flag.Args()[1:]))
		return
	}
	if len(*only) > 1 || !strings.Contains("abcdefg", *only) {
		exit(fmt.Errorf("there is no part %s", *only))
	}
	if *only == "" || strings.Contains("abcg", *only) {
		exit(compare(ctx, *rounds, *length, *only))
	}
	exit(watching(ctx, *only, options{*rounds, *length, *streams}))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// side is one of the two things that a row compares.
type side struct {
	name string
	// measure runs for that long and tells how many requests were answered.
	measure func(ctx context.Context, length time.Duration) (requests int, err error)
	// pids are the processes whose CPU time counts; 0 is for a child that
	// tells its own.
	process *child
}

// row compares statusd with something bare.
type row struct {
	name       string
	target     float64 // the least ratio
	bare, ours side
	note       func() string // told after the last round
}

// figure is one measurement.
type figure struct{ rate, cpu float64 } // per second; microseconds for a request

func compare(ctx context.Context, rounds int, length time.Duration, only string) error {
	setting, err := prepare(ctx, only)
	defer setting.close()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\tbare/s\tstatusd/s\tratio\ttarget\tbare CPU us\tstatusd CPU us\t\n")
	var notes []string
	for _, r := range setting.rows {
		var bare, ours []figure
		for range rounds {
			for _, s := range []struct {
				side    side
				figures *[]figure
			}{{r.bare, &bare}, {r.ours, &ours}} {
				f, err := s.side.run(ctx, length)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", r.name, s.side.name, err)
				}
				*s.figures = append(*s.figures, f)
			}
		}
		b, o := median(bare), median(ours)
		fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%.2f\t>= %.2f\t%.0f\t%.0f\t\n",
			r.name, b.rate, o.rate, o.rate/b.rate, r.target, b.cpu, o.cpu)
		if r.note != nil {
			notes = append(notes, r.note())
		}
		fmt.Fprintln(os.Stderr, "measured:", r.name)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, note := range notes {
		fmt.Println(note)
	}
	return nil
}

// run makes one measurement, after a short one that is thrown away.
func (s side) run(ctx context.Context, length time.Duration) (figure, error) {
	if _, err := s.measure(ctx, length/10); err != nil {
		return figure{}, err
	}
	before, err := s.process.cpu()
	if err != nil {
		return figure{}, err
	}
	began := time.Now()
	requests, err := s.measure(ctx, length)
	if err != nil {
		return figure{}, err
	}
	took := time.Since(began)
	after, err := s.process.cpu()
	if err != nil {
		return figure{}, err
	}
	return figure{
		rate: float64(requests) / took.Seconds(),
		cpu:  float64((after - before).Microseconds()) / float64(max(requests, 1)),
	}, nil
}

func median(figures []figure) figure {
	var rates, cpus []float64
	for _, f := range figures {
		rates, cpus = append(rates, f.rate), append(cpus, f.cpu)
	}
	return figure{middle(rates), middle(cpus)}
}

func middle(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
