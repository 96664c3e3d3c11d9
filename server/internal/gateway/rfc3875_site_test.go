package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"framegate/server/internal/capture"
	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
	"framegate/server/internal/testframe"
)

// patience bounds everything that a test waits for: it fails instead of
// hanging.
const patience = 30 * time.Second

// setup is a site for one test. Every site has the dump child at /dump, as
// the frame of "*.dump", and as the CGI program /cgi-bin/dump; its static
// directory, which is the DOCUMENT_ROOT, is "static".
type setup struct {
	top     string                      // keys ahead of the tables
	scripts string                      // keys of the frame at /cgi-bin
	frames  string                      // further [[frame]] tables
	answers map[string][]testframe.Step // what a frame mounted at the key does
	files   map[string]string           // below the site's directory; "#!" gets the run bit
	listen  string                      // "" is 127.0.0.1:0

	watchers []capture.Watcher
}

// site is a gateway that serves.
type site struct {
	t      *testing.T
	dir    string // of gateway.toml
	addr   string
	url    string
	client *http.Client // HTTP/1.1, follows no redirect
	h2     *http.Client // HTTP/2 without TLS
	stop   func()       // idempotent: returns when nothing of the gateway runs
	log    lockedBuffer

	gateway *gateway.Gateway
}

func start(t *testing.T, with setup) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	for name, content := range with.files {
		s.write(name, content)
	}
	s.write("static/plain.txt", "plain\n")
	s.installDump("cgi-bin/dump")
	file := s.write("gateway.toml", s.toml(with))
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(t.Context(), cfg, gateway.Options{Log: zerolog.New(&s.log), Software: "framegate/test", Watchers: with.watchers})
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range g.Problems() {
		t.Error(problem)
	}
	if with.listen == "" {
		with.listen = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", with.listen)
	if err != nil {
		t.Fatal(err)
	}
	s.gateway, s.addr = g, ln.Addr().String()
	s.url = "http://" + s.addr
	s.client, s.h2 = newClient(false), newClient(true)
	s.serve(g, ln)
	return s
}

func (s *site) serve(g *gateway.Gateway, ln net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, context.Background(), ln) }()
	s.stop = sync.OnceFunc(func() {
		s.client.CloseIdleConnections()
		s.h2.CloseIdleConnections()
		cancel()
		if err := <-served; err != nil {
			s.t.Error(err)
		}
		if err := g.Close(); err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(s.stop)
}

func newClient(http2 bool) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	return &http.Client{
		Transport:     &http.Transport{Protocols: &protocols, DisableCompression: true},
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// write makes a file of the site and returns its path.
func (s *site) write(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	mode := os.FileMode(0o644)
	if strings.HasPrefix(content, "#!") {
		mode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// installDump puts this test binary into the site as a program.
func (s *site) installDump(name string) {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if os.Link(self, path) == nil {
		return
	}
	data, err := os.ReadFile(self) // another file system
	if err == nil {
		err = os.WriteFile(path, data, 0o755)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) toml(with setup) string {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	dumpEnv := fmt.Sprintf("env = { %s = \"dump\" }\n", childVariable)
	var b strings.Builder
	b.WriteString(with.top + "\n[static]\npath = \"static\"\n")
	b.WriteString(frameTable("dump", `mount = "/dump"`, []string{self}, dumpEnv))
	b.WriteString(frameTable("pattern", `match = ["*.dump"]`, []string{self}, dumpEnv))
	b.WriteString(frameTable("scripts", `scripts = "/cgi-bin"`, nil, "dir = \"cgi-bin\"\n"+dumpEnv+with.scripts))
	for mount, steps := range with.answers {
		b.WriteString(frameTable(strings.Trim(mount, "/"), "mount = "+tomlString(mount), testframe.Command(steps...), ""))
	}
	return b.String() + strings.ReplaceAll(with.frames, "DUMP", "command = "+tomlArray([]string{self})+"\n"+dumpEnv)
}

// frameTable is one [[frame]] of a gateway.toml.
func frameTable(name, route string, command []string, keys string) string {
	table := "\n[[frame]]\nname = " + tomlString(name) + "\n" + route + "\n"
	if command != nil {
		table += "command = " + tomlArray(command) + "\n"
	}
	return table + keys
}

// A JSON string is a TOML string, and a JSON array of strings a TOML array.
func tomlString(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func tomlArray(list []string) string {
	b, _ := json.Marshal(list)
	return string(b)
}

// do sends a request; fields are "Name: value".
func (s *site) do(client *http.Client, method, path string, body io.Reader, fields ...string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		req.Header[name] = append(req.Header[name], value)
	}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %s: body: %v", method, path, resp.Status, err)
	}
	return resp, string(data)
}

func (s *site) get(path string, fields ...string) (*http.Response, string) {
	s.t.Helper()
	return s.do(s.client, "GET", path, nil, fields...)
}

// dump asks a path that the dump child answers.
func (s *site) dump(client *http.Client, method, path string, body io.Reader, fields ...string) *dump {
	s.t.Helper()
	resp, text := s.do(client, method, path, body, fields...)
	return s.readDump(resp.StatusCode, text)
}

func (s *site) readDump(status int, text string) *dump {
	s.t.Helper()
	d := &dump{}
	if err := json.Unmarshal([]byte(text), d); err != nil || status != 200 {
		s.t.Fatalf("status %d, no dump (%v):\n%s", status, err, text)
	}
	return d
}

// want holds one variable to its value.
func (s *site) want(d *dump, name, want string) {
	s.t.Helper()
	got, set, err := d.get(name)
	if err != nil || !set || got != want {
		s.t.Errorf("%s: got %q, set %v, %v; want %q", name, got, set, err, want)
	}
}

func (s *site) wantUnset(d *dump, names ...string) {
	s.t.Helper()
	for _, name := range names {
		if got, set, _ := d.get(name); set {
			s.t.Errorf("%s: got %q; want it unset", name, got)
		}
	}
}

// wantStatus holds an answer to its status.
func (s *site) wantStatus(resp *http.Response, body string, want int) {
	s.t.Helper()
	if resp.StatusCode != want {
		s.t.Errorf("%s: got status %d; want %d\n%s", resp.Request.URL, resp.StatusCode, want, body)
	}
}

// records are the log's records of requests; the gateway is stopped first, so
// that the list is whole.
func (s *site) records() []map[string]any {
	s.t.Helper()
	s.stop()
	var list []map[string]any
	for line := range bytes.Lines(s.log.bytes()) {
		record := map[string]any{}
		if err := json.Unmarshal(line, &record); err != nil {
			s.t.Fatalf("log line %q: %v", line, err)
		}
		if record["status"] != nil {
			list = append(list, record)
		}
	}
	return list
}

// wantLogged holds the one record of a site's one request: its level, and
// what its error must say.
func (s *site) wantLogged(level, text string) {
	s.t.Helper()
	records := s.records()
	if len(records) != 1 {
		s.t.Fatalf("got %d records; want 1: %v", len(records), records)
	}
	got := fmt.Sprint(records[0]["error"])
	if records[0]["level"] != level || (text == "") != (records[0]["error"] == nil) || (text != "" && !strings.Contains(got, text)) {
		s.t.Errorf("record: got level %v, error %q; want %s, %q", records[0]["level"], got, level, text)
	}
}

// wire is a connection whose bytes the test writes itself.
type wire struct {
	s *site
	net.Conn
	r *bufio.Reader
}

func (s *site) dial() *wire {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	s.t.Cleanup(func() { conn.Close() })
	return &wire{s: s, Conn: conn, r: bufio.NewReader(conn)}
}

func (w *wire) send(text string) {
	w.s.t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		w.s.t.Fatal(err)
	}
}

// receive reads one response to method, be it a 1xx, and its body.
func (w *wire) receive(method string) (*http.Response, string) {
	w.s.t.Helper()
	resp, err := http.ReadResponse(w.r, &http.Request{Method: method})
	if err != nil {
		w.s.t.Fatalf("response to %s: %v", method, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.s.t.Fatalf("response to %s: %s: body: %v", method, resp.Status, err)
	}
	resp.Request = &http.Request{Method: method}
	return resp, string(body)
}

// raw sends the head of one request, as it is but for its Host and its line
// ends, on a connection of its own.
func (s *site) raw(requestLine string, fields ...string) (*http.Response, string) {
	s.t.Helper()
	w := s.dial()
	defer w.Close()
	w.send(strings.Join(append([]string{requestLine, "Host: " + s.addr}, fields...), "\r\n") + "\r\n\r\n")
	method, _, _ := strings.Cut(requestLine, " ")
	return w.receive(method)
}

// lockedBuffer is a log that is written by many.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.buf.Bytes())
}
