package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

const eightMiB = 8 << 20

// printer is a site whose one frame, at /bad, tells its process id in the file
// "pid" and then goes on as script says, with 8 MiB in the file "data" to
// print. Below /bad/small it prints a line.
type printer struct {
	*site
	data []byte
	tmp  string // the gateway's temporary directory, and nobody else's
}

func startPrinter(t *testing.T, keys, script string) *printer {
	t.Helper()
	p := &printer{data: make([]byte, eightMiB), tmp: t.TempDir()}
	rand.Read(p.data)
	t.Setenv("TMPDIR", p.tmp)
	p.site = start(t, setup{
		files: map[string]string{
			"data": string(p.data),
			"frame": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n" +
				"[ \"$PATH_INFO\" = /small ] && exec echo small\necho $$ >pid.new; mv pid.new pid\n" + script,
		},
		frames: frameTable("bad", `mount = "/bad"`, []string{"./frame"}, keys),
	})
	return p
}

// gone waits until the process that wrote the file "pid" is reaped.
func (p *printer) gone() {
	p.t.Helper()
	pid := 0
	until(p.t, "the frame's process id", func() bool {
		text, _ := os.ReadFile(filepath.Join(p.dir, "pid"))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid > 0
	})
	until(p.t, "the end of the frame's process", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
}

// nothingNamed holds the temporary directory to being empty: what a client has
// still to get may be in a file, but that has no name.
func (p *printer) nothingNamed() {
	p.t.Helper()
	if names, err := filepath.Glob(filepath.Join(p.tmp, "*")); err != nil || len(names) > 0 {
		p.t.Errorf("in TMPDIR: got %q, %v; want nothing", names, err)
	}
}

// slow asks for /bad on a connection of its own, with as little room for the
// answer as the kernel allows, and reads nothing yet.
func (p *printer) slow(proto string) io.Reader {
	p.t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		cerr := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		return errors.Join(cerr, err)
	}}
	if proto == "HTTP/2.0" {
		// Its transport reads ahead of who reads the body, half of it.
		client := newClient(true)
		client.Transport.(*http.Transport).DialContext = dialer.DialContext
		p.t.Cleanup(client.CloseIdleConnections)
		return p.slowHTTP2(client)
	}
	conn, err := dialer.DialContext(p.t.Context(), "tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	p.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /bad %s\r\nHost: h\r\nConnection: close\r\n\r\n", proto)
	return &lazyBody{conn: conn}
}

func (p *printer) slowHTTP2(client *http.Client) io.Reader {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", p.url+"/bad", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { resp.Body.Close() })
	return resp.Body
}

// lazyBody is the body of a response whose header, too, is not read before.
type lazyBody struct {
	conn net.Conn
	body io.Reader
}

func (l *lazyBody) Read(b []byte) (int, error) {
	if l.body == nil {
		resp, err := http.ReadResponse(bufio.NewReader(l.conn), nil)
		if err != nil {
			return 0, err
		}
		l.body = resp.Body
	}
	return l.body.Read(b)
}

var everyProto = []string{"HTTP/1.0", "HTTP/1.1", "HTTP/2.0"}

// A client that reads nothing keeps no process, and no slot: another request
// gets its answer meanwhile. Later it reads all that the frame has printed.
func TestSlowClientKeepsNoProcess(t *testing.T) {
	for _, test := range []struct{ name, script, level, text string }{
		{"exit 0", "exec cat data", "info", ""},
		{"exit 3", "cat data; exit 3", "warn", "exited with status 3 after a complete answer"},
		{"stdout closed, lives on", "cat data; exec >&-; exec sleep 1000", "warn", "closed its stdout and lived on"},
	} {
		for _, proto := range everyProto {
			t.Run(test.name+" "+proto, func(t *testing.T) {
				p := startPrinter(t, "max-concurrent = 1\nmax-queue = 1", test.script)
				body := p.slow(proto)
				p.gone()
				p.nothingNamed()
				if resp, got := p.get("/bad/small"); got != "small\n" {
					t.Errorf("beside the slow client: got %s %q; want %q", resp.Status, got, "small\n")
				}
				got, err := io.ReadAll(body)
				if err != nil || !bytes.Equal(got, p.data) {
					t.Errorf("got %d bytes, %v, as printed: %v; want the %d that were printed", len(got), err, bytes.HasPrefix(p.data, got), len(p.data))
				}
				list := p.records()
				if len(list) != 2 {
					t.Fatalf("got %d records; want 2", len(list))
				}
				checkRecord(t, list[1], test.level, test.text, 200)
				p.nothingNamed()
			})
		}
	}
}

// The bytes that a frame printed before its death reach a slow client, too;
// it can tell that they are not all.
func TestSlowClientOfDyingFrame(t *testing.T) {
	for _, proto := range everyProto {
		t.Run(proto, func(t *testing.T) {
			p := startPrinter(t, "", "cat data; kill -KILL $$")
			body := p.slow(proto)
			p.gone()
			got, err := io.ReadAll(body)
			if err == nil || !bytes.Equal(got, p.data) {
				t.Errorf("got %d bytes, %v, as printed: %v; want the %d that were printed and an error", len(got), err, bytes.HasPrefix(p.data, got), len(p.data))
			}
			p.wantRecord("error", "was killed by SIGKILL after its header", 200)
		})
	}
}

// Beyond max-response-buffer a frame waits for its client. One that stays away
// is cut, and the frame ended.
func TestClientThatStaysAway(t *testing.T) {
	for _, test := range []struct{ name, keys, text string }{
		{"idle-timeout", `idle-timeout = "1s"`, "idle-timeout: "},
		{"total-timeout", `total-timeout = "2s"`, "total-timeout: "},
	} {
		for _, proto := range everyProto {
			t.Run(test.name+" "+proto, func(t *testing.T) {
				p := startPrinter(t, "max-response-buffer = \"1MiB\"\nstop-grace = \"1s\"\n"+test.keys,
					"while :; do cat data; printf . >>progress; done")
				body := p.slow(proto)
				until(t, "the record", func() bool { return bytes.Contains(p.log.bytes(), []byte(`"status":200`)) })
				record := p.wantRecord("error", test.text, 200)
				if record["signal"] != "SIGTERM" {
					t.Errorf("got signal %v; want SIGTERM", record["signal"])
				}
				// The kernel may hold some for the connection.
				if rounds, _ := os.ReadFile(filepath.Join(p.dir, "progress")); len(rounds) > 2 {
					t.Errorf("the frame printed %d × 8 MiB for a client that reads nothing", len(rounds))
				}
				got, err := io.ReadAll(body)
				if err == nil || !bytes.HasPrefix(bytes.Repeat(p.data, 4), got) {
					t.Errorf("got %d bytes, %v; want what the frame printed first, and an error", len(got), err)
				}
				p.nothingNamed()
			})
		}
	}
}

// The clock of the whole exchange does not end with the process: what waits
// for a client waits for so long.
func TestTotalTimeoutBoundsTheClient(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			p := startPrinter(t, `total-timeout = "2s"`, "exec cat data")
			p.slow(proto)
			p.gone()
			until(t, "the record", func() bool { return bytes.Contains(p.log.bytes(), []byte(`"status":200`)) })
			if record := p.wantRecord("error", "total-timeout: ", 200); record["exit_code"] != 0.0 {
				t.Errorf("got exit_code %v; want 0", record["exit_code"])
			}
		})
	}
}

// A buffer that has grown for a long header, and a pipe that the frame has made
// larger: all that one read may bring reaches the client.
func TestWidePipeBehindLongHeader(t *testing.T) {
	perl := servertest.Require(t, "apt-get install perl", "perl")
	const script = `
		fcntl(STDOUT, 1031, 1 << 20) or die "F_SETPIPE_SZ: $!";
		$body = join '', map { sprintf "%7d\n", $_ } 1 .. 80_000;
		syswrite STDOUT, "Content-Type: text/plain\nX-Long: " . ("a" x 100_000) . "\n\n$body";
	`
	s := start(t, setup{frames: frameTable("bad", `mount = "/bad"`, []string{perl, "-e", script}, "max-header = \"256KiB\"\n")})
	_, body := s.get("/bad")
	if want := 80_000 * 8; len(body) != want {
		t.Errorf("got %d bytes; want %d", len(body), want)
	}
	for i := 0; i+8 <= len(body); i += 8 {
		if want := fmt.Sprintf("%7d\n", i/8+1); body[i:i+8] != want {
			t.Fatalf("byte %d: got %q; want %q", i, body[i:i+8], want)
		}
	}
}
