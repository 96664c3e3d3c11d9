package bridge

import (
	"context"
	"strings"
	"testing"
	"time"

	"framegate/server/internal/config"
)

func TestAdvice(t *testing.T) {
	const ms = time.Millisecond
	heavy := Cost{Start: 20 * ms, Import: 480 * ms, Fork: 4 * ms, Memory: 35_000}
	with := func(change func(*Cost)) Cost {
		c := heavy
		change(&c)
		return c
	}
	threads := with(func(c *Cost) { c.Threads, c.Fork = []string{"a", "b", "c", "d", "e"}, 0 })
	db := with(func(c *Cost) { c.Open = []string{"socket to 127.0.0.1:3306"} })
	for _, tt := range []struct {
		name, mode, postFork string
		cost                 Cost
		want                 string
	}{
		{"small", config.Exec, "", Cost{Start: 15 * ms, Import: 3 * ms, Fork: 1 * ms},
			`ready after 18 ms, imports are 3.0 ms of that: mode = "exec" will do`},
		{"slow machine", config.Exec, "", Cost{Start: 90 * ms, Import: 30 * ms},
			`ready after 120 ms, imports are 30 ms of that: mode = "exec" will do`},
		{"heavy", config.Exec, "", heavy,
			`ready after 500 ms, imports are 480 ms of that: with mode = "fork" it would be 4.0 ms, with "worker" nothing`},
		{"heavy, not forked", config.Exec, "", with(func(c *Cost) { c.Fork = 0 }),
			`ready after 500 ms, imports are 480 ms of that: with mode = "fork" it would be less, with "worker" nothing`},
		{"seconds", config.Exec, "", with(func(c *Cost) { c.Import = 2480 * ms }),
			`ready after 2.5 s, imports are 2.5 s of that: with mode = "fork" it would be 4.0 ms, with "worker" nothing`},
		{"threads", config.Exec, "", threads,
			`ready after 500 ms, imports are 480 ms of that: with mode = "worker" it would be nothing; not "fork": importing it starts 5 threads (a, b, c and 2 more), which no fork has`},
		{"module", config.Exec, "", with(func(c *Cost) { c.Modules = []string{"grpc"} }),
			`ready after 500 ms, imports are 480 ms of that: with mode = "worker" it would be nothing; not "fork": it imports grpc, which may hang or fail in a fork`},
		{"connection", config.Exec, "", db,
			`ready after 500 ms, imports are 480 ms of that: with mode = "fork" it would be 4.0 ms, with "worker" nothing; forks share the socket to 127.0.0.1:3306: let post-fork open it anew`},
		{"fork", config.Fork, "", heavy, `loaded once in 500 ms (35 MiB), ready after 4.0 ms`},
		{"fork, thread", config.Fork, "", with(func(c *Cost) { c.Threads = []string{"a"} }),
			`mode = "worker" is better: importing it starts a thread (a), which no fork has`},
		{"fork, connection", config.Fork, "", db,
			`loaded once in 500 ms (35 MiB), ready after 4.0 ms; forks share the socket to 127.0.0.1:3306: let post-fork open it anew`},
		{"fork, connection opened anew", config.Fork, "db:connect", db, `loaded once in 500 ms (35 MiB), ready after 4.0 ms`},
		{"worker", config.Worker, "", threads, `each worker was loaded in 500 ms (35 MiB), which no request waits for again`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &config.Frame{Mode: tt.mode}
			f.PostFork = tt.postFork
			if got := tt.cost.Advice(f); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

const answers = "\ndef application(environ, start_response):\n    return []\n"

// What is measured is what the app does while it is imported.
func TestMeasure(t *testing.T) {
	b, _ := openApp(t, "web:application", "import time\ntime.sleep(0.2)\nkept = bytearray(b'x' * (32 << 20))\nprint('loud')\n"+answers)
	c, err := b.Measure(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if c.Import < 200*time.Millisecond || c.Start <= 0 || c.Fork <= 0 || c.Ready() != c.Start+c.Import {
		t.Errorf("got %+v; want an import of 200 ms, and the rest", c)
	}
	if c.Memory-c.Own < 32<<10 {
		t.Errorf("memory: got %d KiB with the app and %d without; want 32 MiB between them", c.Memory, c.Own)
	}
	if len(c.Threads)+len(c.Open)+len(c.Modules) > 0 {
		t.Errorf("got %+v; want nothing against a fork", c)
	}
}

func TestMeasureForks(t *testing.T) {
	b, dir := openApp(t, "web:application", `import socket, sqlite3, sys, threading
threading.Thread(target=threading.Event().wait, name="flusher", daemon=True).start()
here = socket.socket()
here.bind(("127.0.0.1", 0))
db = sqlite3.connect("stock.db")
db.execute("create table stock (name)")
db.commit()
sys.modules["grpc"] = sys
`+answers)
	b.opts.Frame.Mode = config.Exec
	c, err := b.measure(context.Background(), mustLay(t, b))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(c.Threads, " ") != "flusher" || strings.Join(c.Modules, " ") != "grpc" || c.Fork != 0 {
		t.Errorf("got %+v; want the thread, the module, and no fork tried", c)
	}
	if len(c.Open) != 2 || !strings.HasPrefix(c.Open[0], "socket at 127.0.0.1:") || c.Open[1] != "SQLite database "+dir+"/stock.db" {
		t.Errorf("open: got %q; want the socket and the database", c.Open)
	}
}

func mustLay(t *testing.T, b *Bridge) string {
	t.Helper()
	script, err := b.shared.lay(context.Background(), b.Path, b.opts.Dir, true)
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// An app that ends its interpreter, or the measuring, costs nobody but itself.
func TestMeasureFails(t *testing.T) {
	for name, source := range map[string]string{
		"raises": "1 / 0", "exits": "import os\nos._exit(0)", "dies": "import os\nos.abort()",
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := openApp(t, "web:application", source+"\n"+answers)
			if c, err := b.Measure(context.Background()); err == nil {
				t.Errorf("got %+v; want an error", c)
			}
		})
	}
}

func FuzzReadCost(f *testing.F) {
	f.Add("begun=1795368348203227443\x00import=33480\x00own=15924\x00memory=16140\x00thread=a=b\x00fork=812\x00")
	f.Add("begun=1\x00import=-1\x00")
	f.Add("open=socket to x\x00\x00")
	f.Fuzz(func(t *testing.T, out string) {
		c, err := readCost(out, time.Unix(1, 0))
		if err == nil && (c.Start < 0 || c.Import < 0 || c.Fork < 0 || c.Memory < 0) {
			t.Errorf("got %+v; want no negative figure", c)
		}
	})
}
