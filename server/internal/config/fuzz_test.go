package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzLoad holds parse to its promises: it never panics, a mistake is one line
// that names a line of the file, and what it lets through is complete.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.toml", "testdata/good/*.toml"} {
		for _, file := range glob(f, pattern) {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	dir := site(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parse("gateway.toml", data, dir)
		if err == nil {
			checkConfig(t, c)
			return
		}
		var es Errors
		if !errors.As(err, &es) || len(es) == 0 || c != nil {
			t.Fatalf("parse: got %v, %v; want Errors alone", c, err)
		}
		for _, e := range es {
			if last := bytes.Count(data, []byte("\n")) + 1; e.Line < 1 || e.Line > last {
				t.Errorf("%v: the file has %d lines", e, last)
			}
			if e.Msg == "" || strings.ContainsAny(e.Error()+e.Hint, "\r\n\x00") {
				t.Errorf("not one line: %q, hint %q", e.Error(), e.Hint)
			}
		}
	})
}

func checkConfig(t *testing.T, c *Config) {
	t.Helper()
	if err := CheckListen(c.Listen); err != nil {
		t.Errorf("listen: %v", err)
	}
	if c.ShutdownTimeout < 0 {
		t.Errorf("shutdown-timeout: got %v", c.ShutdownTimeout)
	}
	for _, p := range []string{c.Static.Path, c.Static.NotFound, c.Dynamic.Path, c.Capture.Path} {
		if p != "" && !filepath.IsAbs(p) {
			t.Errorf("path %q is not absolute", p)
		}
	}
	checkHTTP(t, &c.HTTP)
	for i := range c.Frames {
		f := &c.Frames[i]
		if c.FrameByName(f.Name) != f {
			t.Errorf("frame %q is not the only one of its name", f.Name)
		}
		checkFrame(t, f)
	}
}

func checkHTTP(t *testing.T, h *HTTP) {
	t.Helper()
	for _, host := range h.Hosts {
		if again, problem := parseHost(host); problem != nil || again != host {
			t.Errorf("hosts: %q: read again: got %q, %v", host, again, problem)
		}
	}
	for _, p := range h.TrustedProxies {
		if again, problem := parseProxy(p.String()); problem != nil || again != p || p.Addr().Is4In6() {
			t.Errorf("trusted-proxies: %v: read again: got %v, %v", p, again, problem)
		}
	}
	if h.MaxConnections < 0 || h.HeaderTimeout < 0 || h.BodyTimeout < 0 || h.MinBodyRate < 0 || h.KeepAlive < 0 ||
		h.MaxHeader < 1024 || h.MaxURL < 1 || h.MaxFields < 1 {
		t.Errorf("http is incomplete: %+v", h)
	}
}

func checkLimits(t *testing.T, f *Frame) {
	t.Helper()
	if f.MaxResponseBuffer < 1<<20 || f.MaxOutput < 0 || f.Memory < 0 || f.Memory > 0 && f.Memory < 1<<20 ||
		f.CPUTime < 0 || f.CPUTime%time.Second != 0 || f.OpenFiles < 0 || f.OpenFiles == 1 || f.OpenFiles == 2 ||
		f.Processes < 0 || f.Umask < -1 || f.Umask > 0o777 {
		t.Errorf("frame %q: got limits %+v", f.Name, f.Settings)
	}
	if f.Sandbox && !f.NoNewPrivs || !f.Sandbox && (f.Network || len(f.WritePaths) > 0) {
		t.Errorf("frame %q: got sandbox %v, no-new-privs %v, network %v, write-paths %q", f.Name, f.Sandbox, f.NoNewPrivs, f.Network, f.WritePaths)
	}
	for _, p := range f.WritePaths {
		if !filepath.IsAbs(p) {
			t.Errorf("frame %q: write-paths: %q is not absolute", f.Name, p)
		}
	}
}

func checkFrame(t *testing.T, f *Frame) {
	t.Helper()
	count := func(given ...bool) (n int) {
		for _, g := range given {
			if g {
				n++
			}
		}
		return n
	}
	if count(len(f.Match) > 0, f.Mount != "", f.Scripts != "") != 1 {
		t.Errorf("frame %q: got match %q, mount %q, scripts %q; want one", f.Name, f.Match, f.Mount, f.Scripts)
	}
	together := f.Scripts != "" && f.Mode == Worker && f.Protocol == "fastcgi" && len(f.Address) == 0 // one command runs all scripts
	if count(f.App != "", len(f.Command) > 0 && !together, f.Scripts != "", len(f.Address) > 0 && f.Scripts == "") != 1 {
		t.Errorf("frame %q: got app %q, command %q, scripts %q, address %q; want one", f.Name, f.App, f.Command, f.Scripts, f.Address)
	}
	isApp := f.App != ""
	if isApp != (f.Bridge == "wsgi") || isApp != (f.Interpreter != "") || isApp != (f.PathInfo != "") {
		t.Errorf("frame %q: got bridge %q, interpreter %q, path-info %q for app %q", f.Name, f.Bridge, f.Interpreter, f.PathInfo, f.App)
	}
	for _, prefix := range []string{f.Mount, f.Scripts} {
		if prefix != "" && (prefix[0] != '/' || len(prefix) > 1 && strings.HasSuffix(prefix, "/")) {
			t.Errorf("frame %q: got prefix %q", f.Name, prefix)
		}
	}
	if !isDir(f.Dir) || f.Line < 1 || f.MaxConcurrent < 1 || f.MaxHeader < 1 || f.MaxBody < 0 {
		t.Errorf("frame %q is incomplete: %+v", f.Name, f)
	}
	checkLimits(t, f)
	checkModes(t, f)
	for name, value := range f.Env {
		if ReservedName(name) || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			t.Errorf("frame %q: got env %q = %q", f.Name, name, value)
		}
	}
	for _, name := range f.PassEnv {
		if ReservedName(name) || strings.HasPrefix(name, "LD_") {
			t.Errorf("frame %q: got pass-env %q", f.Name, name)
		}
	}
}

func checkModes(t *testing.T, f *Frame) {
	t.Helper()
	elsewhere := len(f.Address) > 0
	ours := f.Mode == Worker && !elsewhere
	ok := f.MaxWorkers == 0 && f.MinWorkers == 0 && f.WorkerIdle == 0 && f.MaxRequests == 0 && f.MaxRSS == 0
	if ours {
		ok = f.MaxWorkers >= 1 && f.MinWorkers >= 0 && f.MinWorkers <= f.MaxWorkers && f.WorkerIdle >= 0 &&
			f.MaxRequests >= 0 && f.MaxRSS >= 0 && f.MaxConcurrent == f.MaxWorkers
	}
	ok = ok && (f.Mode == Worker || !elsewhere) && (f.Mode != Fork || f.App != "") && (f.Mode == Exec || elsewhere || f.Scripts == "" || len(f.Command) > 0)
	ok = ok && (f.Mode == Exec || f.Stdin == "body") && (f.Protocol != "") == (f.Mode == Worker && f.App == "")
	ok = ok && (f.PostFork == "" || f.Mode == Fork) && (f.WarmUp == "" || f.Warm() && f.App != "" && f.WarmUp[0] == '/')
	ok = ok && (f.Watch == nil || f.Warm() && !elsewhere)
	if !ok || f.Mode != Exec && f.Mode != Fork && f.Mode != Worker {
		t.Errorf("frame %q: got mode %q with %+v", f.Name, f.Mode, f)
	}
}
