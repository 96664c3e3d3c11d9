package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
)

// save writes a file of the site as an editor does: a new one in the place of
// the old one.
func (s *site) save(name, content string) {
	s.t.Helper()
	path := s.write(name+".new~", content)
	if err := os.Rename(path, filepath.Join(s.dir, name)); err != nil {
		s.t.Fatal(err)
	}
}

func says(text string) string {
	return "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n" + text + "'\n"
}

// The page hears of each save, with what the request gives now.
func TestDevFollow(t *testing.T) {
	s := devSite(t, true, "", map[string]string{"cgi-bin/x.sh": "#!/bin/sh\necho one\n"})
	_, page := s.browse("GET", "/cgi-bin/x.sh?q=%20", nil, "X-Note: the same")
	f := s.follow(s.token(page), "")
	if got, want := f.next("watching").Files, "x.sh and the sources below "+s.dir+"/cgi-bin"; got != want {
		t.Errorf("got %q watched; want %q", got, want)
	}

	s.save("cgi-bin/x.sh", "#!/bin/sh\necho \"two: $HTTP_X_NOTE $REQUEST_URI\"\n")
	if got := f.next("running").File; got != "x.sh" {
		t.Errorf("got %q changed; want x.sh", got)
	}
	got := f.next("failed")
	if got.Status != 502 || !strings.Contains(got.Main, "two: the same /cgi-bin/x.sh?q=%20") || strings.Contains(got.Main, "<main") || strings.Contains(got.Main, "<script") {
		t.Errorf("got %+v; want what it prints now", got)
	}

	// Written where it stands, and no longer to be executed.
	if err := os.Chmod(filepath.Join(s.dir, "cgi-bin/x.sh"), 0o644); err != nil {
		t.Fatal(err)
	}
	f.next("running")
	if got := f.next("failed"); got.Status != 403 || !strings.Contains(got.Main, "has no run bit") {
		t.Errorf("got %+v; want 403", got)
	}

	s.save("cgi-bin/x.sh", says("three"))
	f.next("running")
	if got := f.next("answered"); got.Status != 200 {
		t.Errorf("got %+v; want 200", got)
	}

	s.write("cgi-bin/lib/helper.py", "x = 1\n") // another source, in a directory that is new
	if got := f.next("running").File; got != "lib/helper.py" {
		t.Errorf("got %q changed; want lib/helper.py", got)
	}
	f.next("answered")
	f.close()
	s.stop()
}

// A script that lacks its run bit is run as soon as it has it.
func TestDevFollowAwaitsTheRunBit(t *testing.T) {
	s := devSite(t, true, "", map[string]string{"cgi-bin/x.sh": says("runs")})
	script := filepath.Join(s.dir, "cgi-bin/x.sh")
	if err := os.Chmod(script, 0o644); err != nil {
		t.Fatal(err)
	}
	resp, page := s.browse("GET", "/cgi-bin/x.sh", nil)
	s.wantStatus(resp, page, 403)
	f := s.follow(s.token(page), "")
	f.next("watching")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	f.next("running")
	if got := f.next("answered"); got.Status != 200 {
		t.Errorf("got %+v; want 200", got)
	}
}

// What was saved while nobody was connected is caught up with.
func TestDevFollowCatchesUp(t *testing.T) {
	s := devSite(t, true, "", map[string]string{"cgi-bin/x.sh": "#!/bin/sh\necho one\n"})
	_, page := s.browse("GET", "/cgi-bin/x.sh", nil)
	s.save("cgi-bin/x.sh", says("two"))
	later := time.Now().Add(time.Second) // a file's time is that of the last tick of the kernel's clock
	if err := os.Chtimes(filepath.Join(s.dir, "cgi-bin/x.sh"), later, later); err != nil {
		t.Fatal(err)
	}
	f := s.follow(s.token(page), "")
	f.next("watching")
	f.next("running")
	f.next("answered")
	f.close()

	// The next connection has what the first one saw: a change of the mode
	// alone leaves a file as old as it was.
	if err := os.Chmod(filepath.Join(s.dir, "cgi-bin/x.sh"), 0o644); err != nil {
		t.Fatal(err)
	}
	f = s.follow(s.token(page), "")
	f.next("watching")
	f.next("running")
	f.next("failed")
}

// A request that may change something is repeated only when the page asks for
// that, with the very body.
func TestDevFollowAsksBeforeItRepeats(t *testing.T) {
	diary := filepath.Join(t.TempDir(), "diary")
	write := func(rest string) string { return "#!/bin/sh\n{ cat; echo; } >> " + diary + "\n" + rest }
	s := devSite(t, true, "", map[string]string{"cgi-bin/x.sh": write("exit 1")})
	body := "name=Ada&x=\xff\x00"
	_, page := s.browse("POST", "/cgi-bin/x.sh", strings.NewReader(body))
	if !strings.Contains(page, `id="armed"`) {
		t.Error("the page has no box to tick")
	}
	token := s.token(page)
	want := body + "\n"
	written := func() {
		t.Helper()
		got, err := os.ReadFile(diary)
		if err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}

	f := s.follow(token, "")
	f.next("watching")
	s.save("cgi-bin/x.sh", write("exit 2"))
	if got := f.next("changed").File; got != "x.sh" {
		t.Errorf("got %q changed", got)
	}
	f.close()
	written()

	f = s.follow(token, "now")
	f.next("watching")
	f.next("running")
	f.next("failed")
	f.close()
	want += body + "\n"
	written()

	f = s.follow(token, "saved")
	f.next("watching")
	s.save("cgi-bin/x.sh", write("printf 'Status: 201\\n\\n'"))
	f.next("running")
	if got := f.next("answered"); got.Status != 201 {
		t.Errorf("got %+v; want 201", got)
	}
	want += body + "\n"
	written()
}

// A page that has gone has nothing run any more.
func TestDevFollowForgetsWhoHasGone(t *testing.T) {
	diary := filepath.Join(t.TempDir(), "diary")
	script := "#!/bin/sh\necho ran >> " + diary + "\nexit 1\n"
	s := devSite(t, true, "", map[string]string{"cgi-bin/x.sh": script})
	_, page := s.browse("POST", "/cgi-bin/x.sh", nil)
	f := s.follow(s.token(page), "saved")
	f.next("watching")
	f.close()
	until(t, "the end of the connection", func() bool { return bytes.Contains(s.log.bytes(), []byte("/.framegate/live")) })
	s.save("cgi-bin/x.sh", script+"# saved\n")
	f = s.follow(s.token(page), "")
	f.next("watching")
	f.next("changed")
	if got, err := os.ReadFile(diary); err != nil || string(got) != "ran\n" {
		t.Errorf("got %q, %v; want one run: the page's own", got, err)
	}
}

// A program that hangs keeps nobody from the next one: it is stopped when its
// file is saved.
func TestDevFollowStopsWhatHangs(t *testing.T) {
	s := devSite(t, true, "", map[string]string{"cgi-bin/x.sh": "#!/bin/sh\nexit 1\n"})
	_, page := s.browse("GET", "/cgi-bin/x.sh", nil)
	f := s.follow(s.token(page), "")
	f.next("watching")
	pid := filepath.Join(t.TempDir(), "pid")
	s.save("cgi-bin/x.sh", "#!/bin/sh\necho $$ > "+pid+"\nexec sleep 600\n")
	f.next("running")
	until(t, "the program runs", func() bool { _, err := os.Stat(pid); return err == nil })
	s.save("cgi-bin/x.sh", says("mended"))
	f.next("running")
	f.next("answered")
}

// The end of a page is the end of what it has run; the end of the server is
// the end of all pages, at once.
func TestDevFollowEnds(t *testing.T) {
	s := devSite(t, true, "", map[string]string{"cgi-bin/x.sh": "#!/bin/sh\nexit 1\n"})
	_, page := s.browse("GET", "/cgi-bin/x.sh", nil)
	token := s.token(page)
	quiet, busy := s.follow(token, ""), s.follow(token, "now")
	quiet.next("watching")
	busy.next("watching")
	busy.next("running")
	busy.next("failed")

	gone := s.follow(token, "")
	gone.next("watching")
	s.save("cgi-bin/x.sh", "#!/bin/sh\nexec sleep 600\n")
	gone.next("running")
	gone.close()
	busy.next("running")

	begun := time.Now()
	s.stop()
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("the server took %v to stop", took)
	}
	busy.end()
	for quiet.lines.Scan() { // it may have heard of the save, too
	}
}

// A reload is an end, too: the page asks the next gateway, which knows nothing
// of it.
func TestDevFollowEndsWithAReload(t *testing.T) {
	s := &site{t: t, dir: t.TempDir(), client: newClient(false), h2: newClient(true)}
	s.write("cgi-bin/x.sh", "#!/bin/sh\nexit 1\n")
	cfg, err := config.Load(s.write("gateway.toml", "[[frame]]\nname = \"cgi\"\nscripts = \"/cgi-bin\"\ndir = \"cgi-bin\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	open := func() *gateway.Gateway {
		g, err := gateway.New(t.Context(), cfg, gateway.Options{Log: zerolog.Nop(), Dev: true})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr, s.url = ln.Addr().String(), "http://"+ln.Addr().String()
	both := gateway.NewSite(open())
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- both.Serve(ctx, context.Background(), ln) }()
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		cancel()
		if err := errors.Join(<-served, both.Close()); err != nil {
			t.Error(err)
		}
	})
	_, page := s.browse("GET", "/cgi-bin/x.sh", nil)
	f := s.follow(s.token(page), "")
	f.next("watching")
	both.Swap(open())
	f.end()
	resp := s.ask("POST", s.token(page))
	resp.Body.Close()
	if resp.StatusCode != 404 {
		t.Errorf("got %s; want 404: that gateway is gone", resp.Status)
	}
}

// A program that writes sources beside it does not run for ever.
func TestDevFollowIsNoCircle(t *testing.T) {
	diary := filepath.Join(t.TempDir(), "diary")
	script := "#!/bin/sh\necho ran >> " + diary + "\ndate +%N > generated.py\ndate +%N > $$.html\nexit 1\n"
	s := devSite(t, true, "", map[string]string{"cgi-bin/x.sh": script})
	_, page := s.browse("GET", "/cgi-bin/x.sh", nil)
	f := s.follow(s.token(page), "")
	f.next("watching")
	s.save("cgi-bin/x.sh", script+"# saved\n")
	for range 2 { // once for the save, once because of what that has written
		f.next("running")
		f.next("failed")
	}
	s.save("cgi-bin/x.sh", says("done"))
	f.next("running") // and no other between
	f.next("answered")
	got, err := os.ReadFile(diary)
	if err != nil || bytes.Count(got, []byte("ran\n")) != 3 {
		t.Errorf("got %q, %v; want three runs", got, err)
	}
}

// Nobody but the page itself gets to hear anything, or to have anything run.
func TestDevFollowIsThePagesAlone(t *testing.T) {
	diary := filepath.Join(t.TempDir(), "diary")
	s := devSite(t, true, "", map[string]string{"cgi-bin/x.sh": "#!/bin/sh\necho ran >> " + diary + "\nexit 1\n"})
	_, page := s.browse("GET", "/cgi-bin/x.sh", nil)
	token := s.token(page)
	origin := "http://" + s.addr
	for _, tt := range []struct {
		name, method, token string
		fields              []string
	}{
		{"no token", "POST", "", nil},
		{"another token", "POST", strings.Repeat("A", len(token)), nil},
		{"a part of the token", "POST", token[:len(token)-1], nil},
		{"GET", "GET", token, nil},
		{"a preflight", "OPTIONS", token, []string{"Origin: http://evil.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: framegate-token"}},
		{"another site", "POST", token, []string{"Origin: http://evil.example"}},
		{"another port", "POST", token, []string{"Origin: http://127.0.0.1:1"}},
		{"another scheme", "POST", token, []string{"Origin: https://" + s.addr}},
		{"no origin to tell", "POST", token, []string{"Origin: null"}},
		{"another site, as the browser says", "POST", token, []string{"Sec-Fetch-Site: cross-site"}},
		{"another port, as the browser says", "POST", token, []string{"Sec-Fetch-Site: same-site", "Origin: " + origin}},
		{"a name that leads here", "POST", token, []string{"Host: evil.example", "Origin: http://evil.example", "Sec-Fetch-Site: same-origin"}},
		{"a proxy", "POST", token, []string{"X-Forwarded-For: 192.0.2.1"}},
		{"another proxy", "POST", token, []string{"Via: 1.1 proxy"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := s.ask(tt.method, tt.token, append(tt.fields, "Framegate-Run: now saved")...)
			defer resp.Body.Close()
			var body bytes.Buffer
			body.ReadFrom(resp.Body)
			if resp.StatusCode != 404 || strings.Contains(body.String(), "kind") {
				t.Errorf("got %s, %q; want 404", resp.Status, body.String())
			}
			for name := range resp.Header {
				if strings.HasPrefix(name, "Access-Control") {
					t.Errorf("got %s", name)
				}
			}
		})
	}
	if got, err := os.ReadFile(diary); err != nil || string(got) != "ran\n" {
		t.Errorf("got %q, %v; want one run: the page's own", got, err)
	}
	f := s.follow(token, "", "Origin: "+origin, "Sec-Fetch-Site: same-origin")
	f.next("watching")
}

// What is kept is bounded: the latest requests, and no long bodies.
func TestDevKeepsTheLatest(t *testing.T) {
	s := devSite(t, true, "", map[string]string{"cgi-bin/x.sh": "#!/bin/sh\nexit 1\n"})
	var tokens []string
	for range 21 {
		_, page := s.browse("GET", "/cgi-bin/x.sh", nil)
		tokens = append(tokens, s.token(page))
	}
	resp := s.ask("POST", tokens[0])
	resp.Body.Close()
	if resp.StatusCode != 404 {
		t.Errorf("the first of 21: got %s; want 404", resp.Status)
	}
	s.follow(tokens[1], "").next("watching")

	for _, tt := range []struct {
		size  int
		keeps bool
	}{{1 << 20, true}, {1<<20 + 1, false}} {
		t.Run(fmt.Sprint(tt.size), func(t *testing.T) {
			_, page := s.browse("PUT", "/cgi-bin/x.sh", strings.NewReader(strings.Repeat("x", tt.size)))
			if keeps := !strings.Contains(page, "Reload this page by hand when you have mended it: its body was not kept."); keeps != tt.keeps {
				t.Errorf("kept: got %v; want %v", keeps, tt.keeps)
			}
			resp := s.ask("POST", s.token(page))
			resp.Body.Close()
			if (resp.StatusCode == 200) != tt.keeps {
				t.Errorf("got %s; kept should be %v", resp.Status, tt.keeps)
			}
		})
	}
}
