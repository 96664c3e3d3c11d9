package config

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the messages of testdata/bad anew; read them before they are committed")

// site is a directory with everything that the test files name.
func site(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"static/sub", "frames/cgi-bin", "apps/shop"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"frames/hello.sh", "static/404.html"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// render is what a user reads of an error: each mistake, then its hint.
func render(err error) string {
	var es Errors
	if !errors.As(err, &es) {
		return fmt.Sprintf("not config.Errors: %v\n", err)
	}
	var b strings.Builder
	for _, e := range es {
		fmt.Fprintln(&b, e)
		if e.Hint != "" {
			fmt.Fprintln(&b, "hint:", e.Hint)
		}
	}
	return b.String()
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("glob %s: %d files, error %v", pattern, len(files), err)
	}
	return files
}

func TestBadFiles(t *testing.T) {
	dir := site(t)
	files := glob(t, "testdata/bad/*.toml")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := parse("gateway.toml", data, dir)
			if err == nil {
				t.Fatalf("parse: got %+v; want an error", c)
			}
			golden := strings.TrimSuffix(file, ".toml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(render(err)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, readErr := os.ReadFile(golden)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if got := render(err); got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	if texts := glob(t, "testdata/bad/*.txt"); len(texts) != len(files) {
		t.Errorf("got %d files of messages; want one for each of %d bad files", len(texts), len(files))
	}
}

// load writes a gateway.toml into a site and loads it from there.
func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	dir := site(t)
	file := filepath.Join(dir, "gateway.toml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return Load(file)
}

func mustLoad(t *testing.T, text string) *Config {
	t.Helper()
	c, err := load(t, text)
	if err != nil {
		t.Fatalf("load: %s", render(err))
	}
	return c
}

func TestGoodFiles(t *testing.T) {
	for _, file := range glob(t, "testdata/good/*.toml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			mustLoad(t, string(data))
		})
	}
}

func TestContractSample(t *testing.T) {
	data, err := os.ReadFile("testdata/good/contract.toml")
	if err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, string(data))

	settings := defaultSettings()
	wsgi := func(pathInfo string) Settings {
		s := settings
		s.Interpreter, s.PathInfo = "python3", pathInfo
		return s
	}
	at := func(p string) string { return filepath.Join(c.Dir, p) }
	want := &Config{
		File: at("gateway.toml"), Dir: c.Dir,
		Listen: "127.0.0.1:7890", ShutdownTimeout: 30 * time.Second, HTTP: defaultHTTP(),
		Static:  Static{Path: at("static")},
		Dynamic: Dynamic{Path: at("frames")},
		Capture: Capture{Given: true, Path: at("captures"), On: "failure", MaxCount: 100, MaxBytes: 64 << 20, MaxBody: 1 << 20},
		Frames: []Frame{
			{Name: "mini", Line: 13, Match: []string{"*.py"}, App: "mini_frame:application", Bridge: "wsgi",
				Dir: c.Dir, Mode: "exec", Settings: wsgi("text")},
			{Name: "shop", Line: 19, Mount: "/shop", App: "shop.wsgi:application", Bridge: "wsgi",
				Dir: at("apps/shop"), Mode: "exec", Settings: wsgi("pep3333")},
			{Name: "cgi", Line: 25, Scripts: "/cgi-bin", Dir: at("frames/cgi-bin"), Mode: "exec", Settings: settings,
				Interpreters: map[string][]string{".php": {"php-cgi"}, ".pl": {"perl"}}},
			{Name: "hello", Line: 31, Mount: "/hello", Command: []string{at("frames/hello.sh")},
				Dir: c.Dir, Mode: "exec", Settings: settings},
		},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("the contract's sample (-want +got):\n%s", diff)
	}
	if f := c.FrameByName("cgi"); f != &c.Frames[2] {
		t.Errorf("FrameByName(%q): got %p; want the third frame", "cgi", f)
	}
	if f := c.FrameByName("none"); f != nil {
		t.Errorf("FrameByName(%q): got %v; want nil", "none", f)
	}
}

func TestEmptyFileIsDefaults(t *testing.T) {
	c := mustLoad(t, "")
	want := &Config{
		File: filepath.Join(c.Dir, "gateway.toml"), Dir: c.Dir,
		Listen: "127.0.0.1:7890", ShutdownTimeout: 30 * time.Second,
		HTTP: HTTP{HeaderTimeout: 30 * time.Second, BodyTimeout: time.Minute, MinBodyRate: 1024, KeepAlive: 2 * time.Minute,
			MaxHeader: 65536, MaxURL: 16384, MaxFields: 500},
		Static:  Static{Path: filepath.Join(c.Dir, "static")},
		Dynamic: Dynamic{Path: filepath.Join(c.Dir, "frames")},
		Capture: Capture{Path: filepath.Join(c.Dir, "captures"), On: "off", MaxCount: 100, MaxBytes: 67108864, MaxBody: 1048576},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("an empty file (-want +got):\n%s", diff)
	}
}

func TestDefault(t *testing.T) {
	settings := Settings{
		FirstByteTimeout: time.Minute, IdleTimeout: time.Minute, TotalTimeout: time.Hour, StopGrace: 5 * time.Second,
		MaxConcurrent: 64, MaxQueue: 512, QueueTimeout: 30 * time.Second,
		MaxBody: 4294967296, MaxHeader: 65536, Stdin: "body",
		MaxResponseBuffer: 67108864, Umask: -1,
		Interpreter: "python3", PathInfo: "text",
	}
	for _, tt := range []struct {
		name            string
		dir             string
		static, dynamic string
	}{
		{name: "with static and frames", dir: site(t), static: "static", dynamic: "frames"},
		{name: "empty", dir: t.TempDir()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Default(tt.dir)
			if err != nil {
				t.Fatal(err)
			}
			at := func(p string) string {
				if p == "" {
					return ""
				}
				return filepath.Join(tt.dir, p)
			}
			want := &Config{
				Dir: tt.dir, Listen: "127.0.0.1:7890", ShutdownTimeout: 30 * time.Second, HTTP: defaultHTTP(),
				Static: Static{Path: at(tt.static)}, Dynamic: Dynamic{Path: at(tt.dynamic)},
				Capture: Capture{Path: at("captures"), On: "off", MaxCount: 100, MaxBytes: 67108864, MaxBody: 1048576},
				Frames: []Frame{{Name: "mini", Match: []string{"*.py"}, App: "mini_frame:application", Bridge: "wsgi",
					Dir: tt.dir, Mode: "exec", Settings: settings}},
			}
			if diff := cmp.Diff(want, c); diff != "" {
				t.Errorf("Default (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := Default(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Default of no directory: got %v; want fs.ErrNotExist", err)
	}
}

// Whoever prints the error as it is still reads every mistake.
func TestErrorsAreLines(t *testing.T) {
	_, err := parse("gateway.toml", []byte("lisen = 1\n\n[static]\npath = 1\n"), t.TempDir())
	want := `gateway.toml:1: unknown key "lisen"; did you mean "listen"?
gateway.toml:4: [static]: path: must be a string, not an integer`
	if err == nil || err.Error() != want {
		t.Errorf("got %v; want %s", err, want)
	}
}

func TestLoadMissing(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "gateway.toml"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load: got %v; want fs.ErrNotExist", err)
	}
	var e *Error
	if errors.As(err, &e) {
		t.Errorf("Load: got %v as a mistake of line %d; want none", err, e.Line)
	}
}

func TestLoadNamesFileAsGiven(t *testing.T) {
	dir := site(t)
	if err := os.WriteFile(filepath.Join(dir, "gw.toml"), []byte("listen = 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	_, err := Load("./gw.toml")
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("Load: got %v; want an *Error", err)
	}
	if got, want := e.Error(), "./gw.toml:1: listen: must be a string, not an integer"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}
