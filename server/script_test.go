package main

import (
	"bytes"
	"errors"
	"net"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"framegate/server/internal/servertest"
)

// TestMain makes `framegate` a program on PATH that is this test binary: what
// the scripts run goes through the real main.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"framegate": main})
}

// TestScript runs testdata/script, the specification of the command line.
// What the scripts say beyond testscript's own words:
//
//	exits STATUS PROGRAM ARG...   runs to its end, which must have this status
//	start ARG...                  `framegate ARG...` until it names its URL; its log is $WORK/serve.log
//	[!] get [-X METHOD] [-H 'K: v'] PATH
//	                              asks it; the response is stdout, and whole (or, with !, cut)
//	terminate                     SIGTERM; it must end with 0 (stop is testscript's own: it ends the script)
//	occupy                        takes a port for the rest of the script, and names it $PORT
//	stale PATH                    leaves a Unix socket that nobody listens on
func TestScript(t *testing.T) {
	servertest.Require(t, "apt-get install python3", "python3")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[daemonKey{}] = new(daemon)
			// Under the race detector every process would stay for a second.
			env.Setenv("GORACE", "atexit_sleep_ms=10")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     cmdExits,
			"start":     cmdStart,
			"get":       cmdGet,
			"terminate": cmdTerminate,
			"occupy":    cmdOccupy,
			"stale":     cmdStale,
		},
	})
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%v: got exit status %d; want %d", args[1:], got, want)
	}
}

func cmdOccupy(ts *testscript.TestScript, _ bool, _ []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { ln.Close() })
	_, port, err := net.SplitHostPort(ln.Addr().String())
	ts.Check(err)
	ts.Setenv("PORT", port)
}

func cmdStale(ts *testscript.TestScript, _ bool, args []string) {
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: ts.MkAbs(args[0]), Net: "unix"})
	ts.Check(err)
	ln.SetUnlinkOnClose(false)
	ts.Check(ln.Close())
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	d := ts.Value(daemonKey{}).(*daemon)
	if neg || d.cmd != nil {
		ts.Fatalf("start: something runs already")
	}
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GORACE"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	ts.Check(d.start(ts.MkAbs("."), env, ts.MkAbs("serve.log"), args...))
	ts.Defer(d.kill)
	ts.Setenv("URL", d.url)
	ts.Check(write(ts.Stdout(), d.greeting))
}

func cmdTerminate(ts *testscript.TestScript, _ bool, _ []string) {
	d := ts.Value(daemonKey{}).(*daemon)
	err := d.stop()
	if log := ts.ReadFile("serve.log"); bytes.Contains([]byte(log), []byte("DATA RACE")) {
		ts.Fatalf("data race:\n%s", log)
	}
	ts.Check(err)
}

func cmdGet(ts *testscript.TestScript, neg bool, args []string) {
	d := ts.Value(daemonKey{}).(*daemon)
	method, headers := "GET", []string(nil)
	for len(args) > 2 {
		switch args[0] {
		case "-X":
			method = args[1]
		case "-H":
			headers = append(headers, args[1])
		default:
			ts.Fatalf("get: unknown option %s", args[0])
		}
		args = args[2:]
	}
	if len(args) != 1 {
		ts.Fatalf("usage: get [-X METHOD] [-H 'K: v'] PATH")
	}
	response, err := d.get(method, args[0], headers)
	ts.Check(write(ts.Stdout(), response))
	if neg && err == nil {
		ts.Fatalf("get: the response is whole; want a cut one")
	}
	if !neg {
		ts.Check(err)
	}
}
