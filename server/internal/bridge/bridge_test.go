package bridge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"framegate/server/internal/config"
	"framegate/server/internal/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openApp hosts an app whose module has this source.
func openApp(t *testing.T, app, source string) (*Bridge, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "web.py"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := Open(context.Background(), Options{
		Frame: &config.Frame{App: app, Settings: config.Settings{PathInfo: "text"}},
		Dir:   dir,
		Env:   []string{"PATH=" + os.Getenv("PATH")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Dir(b.Argv[b.Script])); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("after Close: got %v; want the bridge's directory gone", err)
		}
	})
	return b, dir
}

func TestCheck(t *testing.T) {
	const good = "def application(environ, start_response):\n    return []\n"
	for _, tt := range []struct{ name, app, source, want, hint string }{
		{"good", "web:application", good, "", ""},
		{"wrong name", "web:aplication", good, "module web has no 'aplication'", "did you mean application?"},
		{"no module", "wep:application", good, "no module named 'wep'", "did you mean web?"},
		{"syntax error", "web:application", "def application(:\n", "web.py:1: SyntaxError", ""},
		{"raises, and prints before", "web:application", "print('framegate: noise')\nraise KeyError('x')\n", "KeyError: 'x' at ", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, dir := openApp(t, tt.app, tt.source)
			file, err := b.Check(context.Background())
			if tt.want == "" {
				if want := filepath.Join(dir, "web.py"); err != nil || file != want {
					t.Errorf("got %q, %v; want %q", file, err, want)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(e.Msg, tt.want) || e.Hint != tt.hint {
				t.Errorf("got %+v; want %q in it, and the hint %q", err, tt.want, tt.hint)
			}
			if e != nil && strings.ContainsRune(e.Msg, '\n') {
				t.Errorf("got %q; want one line", e.Msg)
			}
		})
	}
}

// An import that does not end is ended with the context.
func TestCheckIsStopped(t *testing.T) {
	b, dir := openApp(t, "web:application", "open('begun', 'w').close()\nimport time\ntime.sleep(600)\n")
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if _, err := os.Stat(filepath.Join(dir, "begun")); err == nil {
				return
			}
		}
	}()
	if _, err := b.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want %v", err, context.Canceled)
	}
}

func TestOpenWithoutInterpreter(t *testing.T) {
	_, err := Open(context.Background(), Options{Frame: &config.Frame{
		App: "web:application", Settings: config.Settings{Interpreter: "no-such-python"},
	}, Dir: t.TempDir()})
	var e *Error
	if !errors.As(err, &e) || !strings.HasPrefix(e.Msg, "interpreter no-such-python: ") || e.Hint == "" {
		t.Errorf("got %+v; want an error that names the interpreter, with a hint", err)
	}
}

// A version manager's shim is a script that runs the real one.
func TestInterpreter(t *testing.T) {
	python := servertest.Require(t, "apt-get install python3", "/usr/bin/python3")
	shim := filepath.Join(t.TempDir(), "python3")
	if err := os.WriteFile(shim, fmt.Appendf(nil, "#!/bin/sh\nexec %s \"$@\"\n", python), 0o755); err != nil {
		t.Fatal(err)
	}
	var shared Shared
	if got, err := shared.Interpreter(context.Background(), shim, "/"); err != nil || got != python {
		t.Errorf("got %q, %v; want %q", got, err, python)
	}
	if got, err := shared.Interpreter(context.Background(), "/bin/sh", "/"); err != nil || got != "/bin/sh" {
		t.Errorf("got %q, %v; want what is no Python as it is", got, err)
	}
}
