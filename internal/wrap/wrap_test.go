package wrap

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/client"
)

// spotted is what is told of an output, a line for each telling.
func spotted(own *regexp.Regexp, output string) (told []string) {
	s := newSpotter(own, func(p *client.Progress, message string) {
		text := ""
		if p != nil {
			text = fmt.Sprintf("%g/%g %s", p.Current, p.Total, p.Unit)
		}
		if message != "" {
			text += " | " + message
		}
		told = append(told, text)
	})
	for i := range len(output) {
		s.tap(0)([]byte(output[i : i+1]))
		if i < 1000 {
			s.look() // torn as much as can be
		}
	}
	s.end()
	return told
}

func TestProgressIsSpottedInWhatTrainingsWrite(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ output, want string }{
		"epochs":            {"epoch 1/10\nEpoch 2/10 - loss: 0.5\nEpoch [3/10], Step [120/1000], Loss: 0.31\n", "1/10 epoch\n2/10 epoch | loss: 0.5\n3/10 epoch | Step [120/1000], Loss: 0.31"},
		"steps":             {"step 120/1000\nIteration: 5 of 20\nsteps (130/1000) - acc=0.9", "120/1000 step\n130/1000 step | acc=0.9"},
		"steps, then epoch": {"step 120/1000\nepoch 1/3\nstep 130/1000 loss=1\n", "120/1000 step\n1/3 epoch\n | loss=1"},
		"one epoch":         {"Epoch 1/1\n 1/3 [=>....] - ETA: 1s - loss: 0.5000\n", "1/3 step | loss: 0.5000"},
		"tqdm": {
			"\r  0%|          | 0/1000 [00:00<?, ?it/s]\r 45%|████▌     | 450/1000 [00:12<00:15, 36.10it/s, loss=0.2, acc=0.9]\r100%|██████████| 1000/1000 [00:27<00:00, 36.50it/s]\n",
			"0/1000 it\n450/1000 it | loss=0.2, acc=0.9\n1000/1000 it",
		},
		"tqdm again and again": {
			" 50%|█████     | 5/10 [00:12<00:15,  2.10s/it]\n100%|██████████| 10/10 [00:12<00:15,  2.10s/it]\n 10%|█         | 1/10 [00:12<00:15,  2.10s/it]\n",
			"5/10 it\n10/10 it\n1/10 it (2)",
		},
		"tqdm with an evaluation": {
			" 50%|█████     | 500/1000 [00:12<00:15, 36.10it/s]\n 15%|█▌        | 2/13 [00:00<00:01, 9.00it/s]\n 51%|█████     | 510/1000 [00:12<00:15, 36.10it/s]\n",
			"500/1000 it\n510/1000 it",
		},
		"Lightning": {
			"Sanity Checking DataLoader 0: 100%|██████████| 2/2 [00:00<00:00, 20.00it/s]\nEpoch 0:  45%|████▌     | 450/1000 [00:12<00:15, 36.10it/s, v_num=0, train_loss=0.3]\nEpoch 1:   1%|          | 10/1000 [00:00<00:15, 36.10it/s]\n",
			"2/2 Sanity Checking DataLoader 0\n450/1000 Epoch 0 | v_num=0, train_loss=0.3",
		},
		"tqdm that counts epochs": {"Epoch 3/10:  45%|████▌     | 450/1000 [00:12<00:15, 36.10it/s]\n", "3/10 epoch"},
		"a download":              {"model.safetensors:  45%|████▌     | 54.5M/120M [00:01<00:02, 30.1MB/s]\n", ""},
		"thousands":               {" 50%|█████     | 1.05k/2.10k [00:12<00:15, 36.10examples/s]\n", "1050/2100 examples"},
		"Keras":                   {"Epoch 3/10\n\x1b[1m450/1000\x1b[0m \x1b[32m━━━━━━━━\x1b[0m\x1b[37m━━━\x1b[0m \x1b[1m1s\x1b[0m 5ms/step - accuracy: 0.9 - loss: 0.31\n", "3/10 epoch\n | accuracy: 0.9 - loss: 0.31"},
		"Hugging Face": {
			"{'loss': 0.25, 'grad_norm': 1.2, 'learning_rate': 1e-05, 'epoch': 1.5}\n 50%|█████     | 500/1000 [01:12<01:15,  6.90it/s]\n{'loss': '0.2', 'epoch': '1.6'}\n",
			"1.5/0 epoch | loss 0.25, grad_norm 1.2, learning_rate 1e-05, epoch 1.5\n500/1000 it\n | loss 0.2, epoch 1.6",
		},
		"nothing": {"2026/11/24 10:00:00 loss 50%\nGET /status/3 200\nratio 3/4\nepoch 12/10\n" + strings.Repeat("9/", 100_000), ""},
	} {
		require.Equal(t, c.want, strings.Join(spotted(nil, c.output), "\n"), name)
	}
}

func TestProgressIsSpottedByAnExpressionOfOnesOwn(t *testing.T) {
	t.Parallel()
	output := "epoch 1/10\ngen=7 of=20 best -3.1\n"
	require.Equal(t, []string{"7/20 "}, spotted(regexp.MustCompile(`gen=(\d+) of=(\d+)`), output))
	require.Equal(t, []string{"7/0 "}, spotted(regexp.MustCompile(`gen=(\d+)`), output))
	require.Equal(t, []string{"7/20 generation | best -3.1"}, spotted(
		regexp.MustCompile(`(?P<unit>generation)?gen=(?P<current>\d+) of=(?P<total>\d+) (?P<message>.*)`),
		strings.ReplaceAll(output, "gen=", "generationgen=")))
}

func TestALongLineCostsNoMemory(t *testing.T) {
	t.Parallel()
	s := newSpotter(nil, func(*client.Progress, string) {})
	for range 10_000 {
		s.tap(0)([]byte(strings.Repeat("9/", 500)))
	}
	s.end()
	require.LessOrEqual(t, cap(s.lines[0]), 2*mostLine)
}

func TestTheTailIsReadableAndBounded(t *testing.T) {
	t.Parallel()
	var one tail
	one.add([]byte("first\n\n\x1b[31mred\x1b[0m \x1b]0;title\x07done\tnow\x00\n 10%|█\r 20%|██\rlast \xff\u202e\n\n"))
	require.Equal(t, "first\nred done now\nlast \uFFFD", one.lines(20))
	require.Equal(t, "last \uFFFD", one.lines(1))
	require.Empty(t, one.lines(0))
	for i := range 10_000 {
		one.add(fmt.Appendf(nil, "line %d %s\n", i, strings.Repeat("x", i%3000)))
	}
	require.LessOrEqual(t, cap(one.kept), 8*tailBytes)
	require.LessOrEqual(t, len(one.lines(1000)), mostMessage)
	require.Contains(t, one.lines(1), "line 9999 ")
	one.add([]byte(strings.Repeat("y", 10*tailBytes)))
	require.Len(t, one.lines(1), 1000+len("…"))
}

func TestNotesAreReadOnceWhateverIsWritten(t *testing.T) {
	t.Parallel()
	n, err := newNotes()
	require.NoError(t, err)
	t.Cleanup(n.remove)
	write := func(flag int, text string) {
		file, err := os.OpenFile(n.path, os.O_WRONLY|flag, 0)
		require.NoError(t, err)
		_, err = file.WriteString(text)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	read := func() string {
		p, message, ok := n.read()
		if !ok {
			return ""
		}
		return fmt.Sprintf("%g/%g %s|%s", p.Current, p.Total, p.Unit, message)
	}
	require.Empty(t, read())
	write(os.O_APPEND, "1/10 epoch loss=0.5\n2/10 epoch loss=0.21\n3/1")
	require.Equal(t, "2/10 epoch|loss=0.21", read())
	require.Empty(t, read())
	write(os.O_TRUNC, "42% loss=0.1")
	require.Equal(t, "42/100 %|loss=0.1", read())
	write(os.O_APPEND, "\nnonsense\n")
	require.Equal(t, "42/100 %|loss=0.1", read())
	write(os.O_APPEND, "5 loss: \x1b[31m0.3\n")
	require.Equal(t, "5/0 |loss: 0.3", read())
	write(os.O_APPEND, strings.Repeat("7/8 step\n", mostNotes/8))
	require.Equal(t, "7/8 step|", read())
	info, err := os.Stat(n.path)
	require.NoError(t, err)
	require.Zero(t, info.Size())
	n.remove()
	require.Empty(t, read())
	require.NoDirExists(t, filepath.Dir(n.path))
}

func TestKillsForLackOfMemoryAreCounted(t *testing.T) {
	t.Parallel()
	write := func(root, name, text string) {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	second := t.TempDir()
	write(second, "proc/self/cgroup", "0::/jobs/a\n")
	write(second, "sys/fs/cgroup/jobs/a/memory.events", "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 1\n")
	require.EqualValues(t, 2, ownMemory(second).kills())

	first := t.TempDir()
	write(first, "proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/jobs/a\n0::/\n")
	write(first, "sys/fs/cgroup/memory/jobs/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
	require.EqualValues(t, 5, ownMemory(first).kills())

	contained := t.TempDir() // the path is the host's
	write(contained, "proc/self/cgroup", "0::/kubepods/pod1/c1\n")
	write(contained, "sys/fs/cgroup/memory.events", "oom_kill 1\n")
	m := ownMemory(contained)
	require.EqualValues(t, 1, m.kills())
	write(contained, "sys/fs/cgroup/memory.events", "oom_kill 4\n")
	require.EqualValues(t, 4, m.kills())
	require.Zero(t, ownMemory(t.TempDir()).kills())
}

// TestAKillForLackOfMemoryIsToldAsSuch runs a command that is killed while the
// count rises.
func TestAKillForLackOfMemoryIsToldAsSuch(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	events := filepath.Join(root, "sys/fs/cgroup/memory.events")
	require.NoError(t, os.MkdirAll(filepath.Dir(events), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "proc/self"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "proc/self/cgroup"), []byte("0::/\n"), 0o644))
	require.NoError(t, os.WriteFile(events, []byte("oom_kill 1\n"), 0o644))
	for script, want := range map[string]client.Failure{
		`echo oom_kill 2 > "$EVENTS"; echo allocating >&2; kill -9 $$`: {Code: "out_of_memory", Message: "killed by the system for lack of memory\nallocating"},
		`echo oom_kill 9 > "$EVENTS"; echo lost a worker >&2; exit 1`:  {Message: "lost a worker\n(8 of its processes killed by the system for lack of memory)"},
	} {
		require.NoError(t, os.WriteFile(events, []byte("oom_kill 1\n"), 0o644))
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		require.NoError(t, err)
		out, err := os.CreateTemp(t.TempDir(), "")
		require.NoError(t, err)
		r := &runner{
			Options: Options{Command: []string{"sh", "-c", script}, Env: append(os.Environ(), "EVENTS="+events), Stdin: null, Stdout: null, Stderr: out, Tail: 5},
			memory:  ownMemory(root), ended: make(chan struct{}), complaints: make(chan string, 16),
		}
		spots := newSpotter(nil, func(*client.Progress, string) {})
		killed := r.memory.kills()
		require.NoError(t, r.start(spots))
		_ = r.command.Wait()
		for _, s := range r.streams {
			s.drain()
		}
		u := r.outcome(waitStatus(r.command), r.memory.kills()-killed)
		require.Equal(t, want.Code, u.Error.Code)
		require.Equal(t, want.Message, u.Error.Message)
		spots.end()
	}
}

func TestWhatNobodyReadsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	began := time.Now()
	code := Run(Options{
		Command: []string{"nosuchcommand"}, Stdin: null, Stdout: null, Stderr: null, Say: func(string) { <-release },
	})
	require.Equal(t, 127, code)
	require.Less(t, time.Since(began), 10*time.Second)
}
