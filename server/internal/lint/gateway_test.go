package lint_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"framegate/server/internal/capture"
	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
	"framegate/server/internal/lint"
	"framegate/server/internal/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a gateway that serves, and the exchanges that it has seen.
type site struct {
	url    string
	client *http.Client

	mu   sync.Mutex
	seen map[string]*capture.Exchange // by the target of their request
}

func (s *site) Interest() capture.Interest { return capture.Everything }
func (s *site) Started(*capture.Exchange)  {}
func (s *site) Ended(x *capture.Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[x.Request.Target] = x
}

func (s *site) exchange(t *testing.T, target string) *capture.Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[target] == nil {
		t.Fatalf("%s: there was no such exchange", target)
	}
	return s.seen[target]
}

// start serves a configuration in its directory. What it returns with the site
// waits until nothing of the gateway runs, and so has told of every exchange.
func start(t *testing.T, dir, toml string) (*site, func()) {
	t.Helper()
	file := filepath.Join(dir, "gateway.toml")
	if err := os.WriteFile(file, []byte(toml), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{seen: map[string]*capture.Exchange{}}
	g, err := gateway.New(t.Context(), cfg, gateway.Options{Log: zerolog.Nop(), Software: "framegate/test", Watchers: []capture.Watcher{s}})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + ln.Addr().String()
	s.client = &http.Client{
		Transport: &http.Transport{DisableCompression: true}, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, context.Background(), ln) }()
	stop := sync.OnceFunc(func() {
		s.client.CloseIdleConnections()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// TestGatewayAgrees: what lint says the gateway does with an output is what it
// does, for every example.
func TestGatewayAgrees(t *testing.T) {
	dir := t.TempDir()
	list := examples(t, "testdata/*/*.out")
	if err := os.Mkdir(filepath.Join(dir, "out"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if err := os.WriteFile(filepath.Join(dir, "out", filepath.Base(e.path)), e.raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, stop := start(t, dir, "[[frame]]\nscripts = \"/out\"\ndir = \"out\"\ninterpreters = { \".out\" = [\"cat\"] }\n")
	for _, e := range list {
		t.Run(e.path, func(t *testing.T) {
			resp, err := s.client.Get(s.url + "/out/" + url.PathEscape(filepath.Base(e.path)))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			checkAnswer(t, &e, resp, body, err != nil)
		})
	}
	stop()
	for _, e := range list {
		x := s.exchange(t, "/out/"+url.PathEscape(filepath.Base(e.path)))
		for _, f := range lint.Output(e.raw, lint.Context{}) {
			if f.Code != "header-too-long" && !slices.ContainsFunc(lint.Exchange(x), func(g lint.Finding) bool { return g.Code == f.Code && g.Offset == f.Offset }) {
				t.Errorf("%s: as an exchange it has no %s: %v", e.path, f.Code, lint.Exchange(x))
			}
		}
	}
}

func checkAnswer(t *testing.T, e *example, resp *http.Response, body []byte, wasCut bool) {
	t.Helper()
	findings := e.judge()
	has := map[string]bool{}
	for _, f := range findings {
		k, _ := lint.KindOf(f.Code)
		has[k.Gateway] = true
	}
	if got := resp.StatusCode == 502; got != has[lint.Refused] {
		t.Errorf("got status %d; lint says %v", resp.StatusCode, findings)
	}
	if has[lint.Refused] {
		return
	}
	if wasCut && !has[lint.Cut] && !has[lint.CutOrDrops] || has[lint.Cut] && !wasCut {
		t.Errorf("the answer was cut: %v; lint says %v", wasCut, findings)
	}
	for _, f := range findings {
		k, _ := lint.KindOf(f.Code)
		switch {
		case k.Gateway == lint.Guards && resp.Header.Get("Content-Type") != "application/octet-stream":
			t.Errorf("got Content-Type %q; lint says %v", resp.Header.Get("Content-Type"), f)
		case f.Code == "hop-by-hop":
			if name, _, _ := strings.Cut(f.What, " "); resp.Header.Get(name) != "" {
				t.Errorf("got %s: %q; lint says %v", name, resp.Header.Get(name), f)
			}
		case (k.Gateway == lint.DropsEnd || k.Gateway == lint.Drops && strings.Contains(f.Code, "body-")) && resp.StatusCode < 400 && strings.HasSuffix(string(e.raw), string(body)) && len(body) > 0:
			t.Errorf("got all of the body, %q; lint says %v", body, f)
		}
	}
}

// TestRealExchanges: frames that misbehave, under the real gateway, are found
// out.
func TestRealExchanges(t *testing.T) {
	servertest.Require(t, "apt-get install util-linux coreutils", "setsid", "yes", "dd")
	const hello = `printf "Content-Type: text/plain\n\nhello\n"; `
	frames := map[string]struct {
		script, keys, method, body string
		want                       []string
	}{
		"good":         {script: hello},
		"good-post":    {script: "cat >/dev/null; " + hello, method: "POST", body: "a=1"},
		"unread":       {script: hello, method: "POST", body: "a=1", want: []string{"stdin-unread"}},
		"half-read":    {script: "dd bs=1 count=2 of=/dev/null 2>/dev/null; " + hello, method: "POST", body: "a=1", want: []string{"stdin-half-read"}},
		"exit":         {script: hello + "exit 3", want: []string{"exit-after-success"}},
		"killed":       {script: hello + "kill -SEGV $$", want: []string{"killed"}},
		"killed-early": {script: "kill -ABRT $$", want: []string{"killed", "no-output"}},
		"silent":       {script: "exit 3", want: []string{"no-output", "silent-failure"}},
		"loud":         {script: "echo no database >&2; exit 3", want: []string{"no-output"}},
		"traceback": {
			script: `printf 'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\nKeyError: 1\n' >&2; exit 1`,
			want:   []string{"no-output", "uncaught-exception"},
		},
		"hang":     {script: "sleep 60", keys: "first-byte-timeout = \"200ms\"\n", want: []string{"timed-out"}},
		"hang-on":  {script: `printf "Content-Type: text/plain\nContent-Length: 9\n\nhel"; sleep 60`, keys: "idle-timeout = \"200ms\"\n", want: []string{"timed-out"}},
		"flood":    {script: `printf "Content-Type: text/plain\n\n"; yes`, keys: "max-output = \"1MiB\"\n", want: []string{"gateway-failure"}},
		"header":   {script: `printf "Content-Type: text/plain\nX-A: %0100d\n\nhello\n" 1`, keys: "max-header = \"64B\"\n", want: []string{"gateway-failure"}},
		"wide":     {script: `printf "Content-Type: text/plain\nX-A: %070000d\n\nhello\n" 1`, keys: "max-header = \"1MiB\"\n"},
		"too-wide": {script: `printf "Content-Type: text/plain\nX-A: %070000d\n\nhello\n" 1`, want: []string{"header-too-long"}},
		"lived-on": {script: hello + "exec >&-; sleep 60", want: []string{"lived-on"}},
		"held":     {script: "setsid sleep 3 & " + hello + "exit 0", want: []string{"stdout-held"}},
		"burst":    {script: "sleep 1.2; " + hello, want: []string{"one-burst"}},
		"slow":     {script: `sleep 1.2; printf "Content-Type: text/plain\n\n"; sleep 0.5; echo hello`, want: []string{"slow-first-byte"}},
		"missing":  {keys: "command = [\"./none\"]\n", want: []string{"not-started"}},
	}
	toml := ""
	for name, f := range frames {
		if f.script != "" {
			f.keys += fmt.Sprintf("command = [\"sh\", \"-c\", '''%s''']\n", f.script)
		}
		toml += fmt.Sprintf("[[frame]]\nmount = \"/%s\"\n%s", name, f.keys)
	}
	s, stop := start(t, t.TempDir(), toml)
	var asking sync.WaitGroup
	for name, f := range frames {
		asking.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), f.method, s.url+"/"+name, strings.NewReader(f.body))
			if err != nil {
				t.Error(err)
				return
			}
			resp, err := s.client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			io.Copy(io.Discard, resp.Body) // which may be cut
			resp.Body.Close()
		})
	}
	asking.Wait()
	stop()
	for name, f := range frames {
		t.Run(name, func(t *testing.T) {
			x := s.exchange(t, "/"+name)
			var got []string
			for _, f := range lint.Exchange(x) {
				// On a busy machine anything may be slow.
				if f.Code != "slow-first-byte" && f.Code != "one-burst" || slices.Contains(frames[name].want, f.Code) {
					got = append(got, f.Code)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, f.want) {
				t.Errorf("got %v; want %v\nfailure %q, warning %q, exit %+v\n%v", got, f.want, x.Failure, x.Warning, x.Exit, x.Events)
			}
			if x.Failure != "" && lint.Worst(lint.Exchange(x)) < lint.Warning {
				t.Errorf("the gateway counts it as a failure (%s), and lint finds nothing", x.Failure)
			}
		})
	}
}
