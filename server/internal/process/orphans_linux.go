package process

import (
	"os"
	"strconv"
	"strings"
)

// zombies lists the children of this process that nobody has waited for.
func zombies() []zombie {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil
	}
	self := strconv.Itoa(os.Getpid())
	var list []zombie
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // gone meanwhile
		}
		// "pid (name) state ppid …": the name may hold anything, so look
		// behind its last parenthesis.
		i := strings.LastIndexByte(string(stat), ')')
		fields := strings.Fields(string(stat[i+1:]))
		const state, parent, start = 0, 1, 19
		if len(fields) <= start || fields[state] != "Z" || fields[parent] != self {
			continue
		}
		when, err := strconv.ParseUint(fields[start], 10, 64)
		if err == nil {
			list = append(list, zombie{pid, when})
		}
	}
	return list
}
