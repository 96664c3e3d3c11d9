package gateway

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"framegate/server/internal/capture"
	"framegate/server/internal/runner"
)

// capturedElsewhere is what a capture runs in the place of what somebody else
// has started: libfcgi's cgi-fcgi, which puts its own environ and stdin to
// a FastCGI server and prints the answer. SCGI has no such program.
func (f *frame) capturedElsewhere(p *capture.Program) {
	if f.cfg.Protocol != runner.FastCGI {
		p.Path = "/bin/sh"
		p.Argv = []string{"sh", "-c", "echo 'framegate: this was answered by SCGI at " + f.cfg.Address[0] + ", which a shell cannot ask' >&2; exit 69"}
		return
	}
	address := strings.TrimPrefix(f.cfg.Address[0], "unix:")
	p.Path, p.Argv = "/usr/bin/cgi-fcgi", []string{"cgi-fcgi", "-bind", "-connect", address}
	if path, err := exec.LookPath(p.Argv[0]); err == nil {
		p.Path = path
	}
}

// scriptFilename is what the environ says of it.
func scriptFilename(environ []string) string {
	for _, kv := range environ {
		if file, ok := strings.CutPrefix(kv, "SCRIPT_FILENAME="); ok {
			return file
		}
	}
	return ""
}

// Unreachable tells which addresses of frames nobody answers at. They are no
// problems: what runs there may be started later.
func (g *Gateway) Unreachable(ctx context.Context) []string {
	var list []string
	for _, f := range g.frames {
		a, ok := f.runner.(*runner.Addresses)
		if !ok {
			continue
		}
		if err := a.Reach(ctx); err != nil {
			for line := range strings.Lines(err.Error()) {
				list = append(list, fmt.Sprintf("frame %q: %s", f.cfg.Name, strings.TrimSuffix(line, "\n")))
			}
		}
	}
	return list
}
