package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
)

// dump is what the dump child tells of itself, as JSON.
type dump struct {
	Argv  []string
	Env   []string // as it came, "NAME=value"
	Dir   string   // cwd
	Stdin []byte
}

// get returns a variable and whether it is set; twice is told as an error.
func (d *dump) get(name string) (value string, set bool, err error) {
	for _, kv := range d.Env {
		n, v, _ := strings.Cut(kv, "=")
		if n != name {
			continue
		}
		if set {
			return "", true, fmt.Errorf("%s is set twice: %q and %q", name, value, v)
		}
		value, set = v, true
	}
	return value, set, nil
}

// names are those of all variables, sorted.
func (d *dump) names() []string {
	var names []string
	for _, kv := range d.Env {
		name, _, _ := strings.Cut(kv, "=")
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// dumpChild is a well-behaved frame: it reads its stdin to the end and
// answers with what it was given.
func dumpChild() int {
	d := dump{Argv: os.Args, Env: environ()}
	var err error
	if d.Dir, err = os.Getwd(); err != nil {
		return childFailed(err)
	}
	if d.Stdin, err = io.ReadAll(os.Stdin); err != nil {
		return childFailed(err)
	}
	body, err := json.Marshal(&d)
	if err != nil {
		return childFailed(err)
	}
	fmt.Printf("Content-Type: application/json\nContent-Length: %d\n\n%s", len(body), body)
	return 0
}

func childFailed(err error) int {
	fmt.Fprintln(os.Stderr, "dump child:", err)
	return 1
}

// environ is the environment as the kernel has it: os.Environ drops what is
// set twice.
func environ() []string {
	data, err := os.ReadFile("/proc/self/environ")
	if err != nil {
		return os.Environ() // not Linux
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}
