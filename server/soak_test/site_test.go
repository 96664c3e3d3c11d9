package soak_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

// marker is in the environ of every frame of a run and of what they start.
const marker = "FRAMEGATE_SOAK"

// site is the directory that the gateway serves.
type site struct {
	dir    string
	config string
	run    string // the marker's value
	small  []byte // static files
	large  []byte
	noise  []byte // what request bodies are cut from
}

const pageSize, largeSize, noiseSize = 700, 300 << 10, 4 << 20

func newSite(t *testing.T) *site {
	t.Helper()
	cc := servertest.Require(t, "apt-get install gcc libc6-dev", "cc")
	servertest.Require(t, "apt-get install python3", "python3")
	servertest.Require(t, "apt-get install util-linux", "setsid")
	s := &site{dir: t.TempDir(), noise: make([]byte, noiseSize)}
	s.config = filepath.Join(s.dir, "gateway.toml")
	s.run = strconv.Itoa(os.Getpid()) + "-" + strconv.FormatUint(*seed, 16) + "-" + t.Name()
	random := rand.NewChaCha8([32]byte{byte(*seed)})
	random.Read(s.noise)
	s.small, s.large = s.noise[:pageSize], s.noise[pageSize:pageSize+largeSize]

	program := filepath.Join(s.dir, "frame")
	if out, err := exec.Command(cc, "-O2", "-static", "-o", program, "testdata/frame.c").CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	for name, data := range map[string][]byte{
		"app.py":             read(t, "testdata/app.py"),
		"static/small.bin":   s.small,
		"static/large.bin":   s.large,
		"cgi/hello":          read(t, "testdata/hello.sh"),
		"cgi/not-executed":   read(t, "testdata/hello.sh"),
		"bad/no-format":      []byte("neither a script nor a binary\n"),
		"bad/no-interpreter": []byte("#!/nonexistent/interpreter\nhello\n"),
		"gateway.toml":       []byte(s.gatewayTOML()),
	} {
		path := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if bytes.HasPrefix(data, []byte("#!")) || strings.HasPrefix(name, "bad/") {
			mode = 0o755
		}
		if name == "cgi/not-executed" {
			mode = 0o644
		}
		if err := os.WriteFile(path, data, mode); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// goodFrames are C programs, a script, an app and a directory of scripts. The
// good ones keep the default limits: 64 at once, the rest waits in the queue.
const goodFrames = `
[[frame]]
name = "hello"
mount = "/hello"
command = ["./frame", "hello"]

[[frame]]
name = "sh"
mount = "/sh"
command = ["cgi/hello"]

[[frame]]
name = "echo"
mount = "/echo"
command = ["./frame", "echo"]

[[frame]]
name = "relay"
mount = "/relay"
command = ["./frame", "relay"]
stream-body = true

[[frame]]
name = "stream"
mount = "/stream"
command = ["./frame", "stream"]

[[frame]]
name = "download"
mount = "/download"
command = ["./frame", "download"]

[[frame]]
name = "large"
mount = "/large"
command = ["./frame", "large"]

[[frame]]
name = "app"
mount = "/app"
app = "app:application"

[[frame]]
name = "cgi"
scripts = "/cgi"
dir = "cgi"
`

// GORACE is for a test binary that is its own frame: with the race detector
// it would take a second to leave.
func (s *site) gatewayTOML() string {
	var b strings.Builder
	fmt.Fprintf(&b, "shutdown-timeout = \"10s\"\n[static]\npath = \"static\"\n")
	fmt.Fprintf(&b, "[defaults]\nstop-grace = \"300ms\"\nenv = { %s = %q, GORACE = \"atexit_sleep_ms=0\" }\n%s", marker, s.run, goodFrames)
	for _, f := range append(faultyFrames(), leaverFrames()...) {
		fmt.Fprintf(&b, "\n[[frame]]\nname = %q\nmount = %q\ncommand = %s\n%s\n", f.name, "/"+f.name, tomlArray(f.command), f.settings)
	}
	return b.String()
}

// tomlArray writes argv down. TOML's \uXXXX takes the separators that
// testframe uses; everything else is printable.
func tomlArray(argv []string) string {
	words := make([]string, len(argv))
	for i, arg := range argv {
		var b strings.Builder
		for _, r := range arg {
			if r < ' ' || r == '"' || r == '\\' || r > '~' {
				fmt.Fprintf(&b, `\u%04X`, r)
			} else {
				b.WriteRune(r)
			}
		}
		words[i] = `"` + b.String() + `"`
	}
	return "[" + strings.Join(words, ", ") + "]"
}
