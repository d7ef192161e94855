package wrap

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// memory counts the processes that the kernel has killed for lack of memory in
// the cgroup that this process is in, with all below it.
type memory struct{ files []string }

// ownMemory finds where the counts are, under a root that has /proc and /sys.
// There are none where the system shows none.
func ownMemory(root string) memory {
	var m memory
	text, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return m
	}
	mount := filepath.Join(root, "sys/fs/cgroup")
	for line := range strings.Lines(string(text)) {
		// hierarchy:controllers:path, with no controllers in version 2
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		// In a container the path may be the host's, and what is mounted be the
		// container's own.
		for _, path := range []string{parts[2], "/"} {
			var file string
			switch {
			case parts[1] == "":
				file = filepath.Join(mount, path, "memory.events")
			case strings.Contains(","+parts[1]+",", ",memory,"):
				file = filepath.Join(mount, "memory", path, "memory.oom_control")
			default:
				continue
			}
			if _, err := os.Stat(file); err == nil {
				m.files = append(m.files, file)
				break
			}
		}
	}
	return m
}

// kills is how many there were.
func (m memory) kills() (n int64) {
	for _, file := range m.files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
				k, _ := strconv.ParseInt(strings.TrimSpace(count), 10, 64)
				n += k
			}
		}
	}
	return n
}
