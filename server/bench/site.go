package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

//go:embed site
var sources embed.FS

// site is the directory that every contestant serves.
type site struct {
	dir       string
	framegate string
	python    string
}

// laySite builds the programs and writes the files.
func laySite(ctx context.Context, framegate string) (*site, error) {
	dir, err := os.MkdirTemp("", "framegate-bench-")
	if err != nil {
		return nil, err
	}
	s := &site{dir: dir, framegate: framegate, python: "/usr/bin/python3"}
	if err := s.lay(ctx); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

func (s *site) remove() { os.RemoveAll(s.dir) }

func (s *site) path(elem ...string) string { return filepath.Join(append([]string{s.dir}, elem...)...) }

func (s *site) lay(ctx context.Context) error {
	progress("building the programs")
	defer clearProgress()
	if err := os.Chmod(s.dir, 0o755); err != nil { // Apache's workers are somebody else
		return err
	}
	for _, d := range []string{"cgi-bin", "app", "static"} {
		if err := os.Mkdir(s.path(d), 0o755); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		from, to string
		mode     os.FileMode
	}{
		{"hello.c", "hello.c", 0o644}, {"nolibc.c", "nolibc.c", 0o644}, {"limit.c", "limit.c", 0o644},
		{"gocgi.go.txt", "gocgi.go", 0o644}, {"forklimit.py", "app/forklimit.py", 0o644},
		{"barelimit.py", "app/barelimit.py", 0o644}, {"wsgi_hello.py", "app/wsgi_hello.py", 0o644}, {"flask_hello.py", "app/flask_hello.py", 0o644},
		{"hello.sh", "cgi-bin/hello.sh", 0o755}, {"hello.pl", "cgi-bin/hello.pl", 0o755},
	} {
		data, err := sources.ReadFile("site/" + f.from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.path(f.to), data, f.mode); err != nil {
			return err
		}
	}
	for _, app := range []string{"wsgi", "flask"} {
		// Servers differ in what an empty PATH_INFO looks like, and Flask cares.
		script := fmt.Sprintf("#!%s\nimport os, sys\nos.environ[\"PATH_INFO\"] = \"/\"\nsys.path.insert(0, %q)\nfrom wsgiref.handlers import CGIHandler\nfrom %s_hello import application\nCGIHandler().run(application)\n",
			s.python, s.path("app"), app)
		if err := os.WriteFile(s.path("cgi-bin", app+".cgi"), []byte(script), 0o755); err != nil {
			return err
		}
	}
	for name, size := range map[string]int{"1KiB": 1 << 10, "100KiB": 100 << 10, "100MiB": 100 << 20} {
		if err := os.WriteFile(s.path("static", name+".bin"), make([]byte, size), 0o644); err != nil {
			return err
		}
	}
	if err := s.build(ctx, [][]string{
		{"cc", "-O2", "-static", "-o", s.path("cgi-bin/hello"), s.path("hello.c")},
		{"cc", "-O2", "-static", "-o", s.path("cgi-bin/body"), s.path("hello.c")},
		{"cc", "-O2", "-static", "-nostdlib", "-o", s.path("cgi-bin/nolibc"), s.path("nolibc.c")},
		{"cc", "-O2", "-pthread", "-o", s.path("limit"), s.path("limit.c")},
		{"go", "build", "-o", s.path("gocgi"), s.path("gocgi.go")},
	}); err != nil {
		return err
	}
	return s.compile(ctx)
}

// build builds the programs, and the gateway unless one was named.
func (s *site) build(ctx context.Context, builds [][]string) error {
	if s.framegate == "" {
		s.framegate = s.path("framegate")
		builds = append(builds, []string{"go", "build", "-o", s.framegate, "./server"})
	}
	for _, argv := range builds {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as the README builds it
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
		}
	}
	return nil
}

// compile leaves byte code beside the apps: not every server runs as somebody
// who may write it.
func (s *site) compile(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, s.python, "-m", "compileall", "-q", s.path("app")).CombinedOutput(); err != nil {
		return fmt.Errorf("compile the apps: %w: %s", err, out)
	}
	return nil
}

// physicalLimit is what the case would be without any server.
func (s *site) physicalLimit(ctx context.Context, c benchCase, d time.Duration) (sample, error) {
	seconds, cores := fmt.Sprintf("%.2f", d.Seconds()), strconv.Itoa(runtime.NumCPU())
	argv := []string{s.path("limit"), seconds, cores, s.path(strings.TrimPrefix(c.path, "/"))}
	switch c.name {
	case "flask-fork":
		argv = []string{s.python, s.path("app/forklimit.py"), seconds, cores}
	case "wsgi-exec":
		// The bare interpreter with the same app and nothing around it.
		argv = []string{s.path("limit"), seconds, cores, s.python, "-I", "-S", "-c",
			"import sys; sys.path.insert(0, " + strconv.Quote(s.path("app")) + "); import wsgi_hello, os; " +
				"os.write(1, b'Content-Type: text/plain\\n\\n' + wsgi_hello.application({'PATH_INFO': '/'}, lambda *a: None)[0])"}
	}
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w", argv[0], err)
	}
	rate, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	return sample{Rate: rate}, err
}
