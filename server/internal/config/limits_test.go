package config

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLimits(t *testing.T) {
	c := mustLoad(t, `[defaults]
max-response-buffer = "1MiB"
max-output = "2MiB"
memory = "1MiB"
cpu-time = "1001ms"
open-files = 3
processes = 1
user = "www-data"
group = "0"
umask = "027"
sandbox = true
write-paths = ["static", "frames/hello.sh", "/dev/null"]
network = true

[[frame]]
name = "shared"
mount = "/1"
command = ["x"]

[[frame]]
name = "own"
mount = "/2"
command = ["x"]
max-output = 0
memory = "0"
cpu-time = "2s"
open-files = 0
processes = 0
user = ""
group = "4294967294"
umask = "0000"
write-paths = []
network = false

[[frame]]
name = "open"
mount = "/3"
command = ["x"]
sandbox = false
`)
	shared := defaultSettings()
	shared.MaxResponseBuffer, shared.MaxOutput, shared.Memory = 1<<20, 2<<20, 1<<20
	shared.CPUTime, shared.OpenFiles, shared.Processes = 2*time.Second, 3, 1
	shared.User, shared.Group, shared.Umask = "www-data", "0", 0o27
	open := shared
	shared.Sandbox, shared.NoNewPrivs, shared.Network = true, true, true
	shared.WritePaths = []string{filepath.Join(c.Dir, "static"), filepath.Join(c.Dir, "frames/hello.sh"), "/dev/null"}
	own := defaultSettings()
	own.MaxResponseBuffer, own.CPUTime, own.Group, own.Umask = 1<<20, 2*time.Second, "4294967294", 0
	own.Sandbox, own.NoNewPrivs, own.WritePaths = true, true, []string{}
	for name, want := range map[string]Settings{"shared": shared, "own": own, "open": open} {
		if diff := cmp.Diff(want, c.FrameByName(name).Settings); diff != "" {
			t.Errorf("frame %q (-want +got):\n%s", name, diff)
		}
	}
}

// What one frame appends to a shared list is not the other frame's.
func TestWritePathsAreCloned(t *testing.T) {
	c := mustLoad(t, `[defaults]
sandbox = true
write-paths = ["static"]
[[frame]]
mount = "/1"
command = ["x"]
[[frame]]
mount = "/2"
command = ["x"]
`)
	c.Frames[0].WritePaths[0] = "/changed"
	if got, want := c.Frames[1].WritePaths[0], filepath.Join(c.Dir, "static"); got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

func TestSandboxOfOneFrameExplainsDefaults(t *testing.T) {
	c := mustLoad(t, `[defaults]
write-paths = ["static"]
network = false
[[frame]]
mount = "/1"
command = ["x"]
sandbox = true
`)
	if f := c.Frames[0]; !f.Sandbox || len(f.WritePaths) != 1 || f.Network {
		t.Errorf("got sandbox %v, write-paths %q, network %v; want what [defaults] says", f.Sandbox, f.WritePaths, f.Network)
	}
}

func TestCPUTimeIsRoundedUp(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want time.Duration
	}{{"0", 0}, {"1s", time.Second}, {"1000001us", 2 * time.Second}, {"1m0.5s", 61 * time.Second}, {"90s", 90 * time.Second}} {
		c := mustLoad(t, "[[frame]]\nmount = \"/\"\ncommand = [\"x\"]\ncpu-time = \""+tt.in+"\"\n")
		if got := c.Frames[0].CPUTime; got != tt.want {
			t.Errorf("cpu-time = %q: got %v; want %v", tt.in, got, tt.want)
		}
	}
}

func TestHTTP(t *testing.T) {
	c := mustLoad(t, `[http]
hosts = ["Example.ORG", "*.Example.org", "192.0.2.1", "[2001:DB8:0::1]", "[::ffff:192.0.2.1]", "a_b.example"]
trusted-proxies = ["127.0.0.1", "::1", "unix", "10.0.0.0/8", "2001:db8::/32", "::ffff:192.0.2.0/120", "::ffff:192.0.2.1"]
max-connections = 1
header-timeout = 0
body-timeout = "0"
min-body-rate = 0
keep-alive = "0"
max-header = "1KiB"
max-url = 1
max-fields = 1
`)
	want := HTTP{
		Hosts: []string{"example.org", "*.example.org", "192.0.2.1", "[2001:db8::1]", "[::ffff:192.0.2.1]", "a_b.example"},
		TrustedProxies: []netip.Prefix{
			netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.0.0.0/8"),
			netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.0.2.1/32"),
		},
		TrustUnix: true, MaxConnections: 1, MaxHeader: 1024, MaxURL: 1, MaxFields: 1,
	}
	if diff := cmp.Diff(want, c.HTTP, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("[http] (-want +got):\n%s", diff)
	}
}

func TestTrustingEveryoneIsWarned(t *testing.T) {
	c := mustLoad(t, "[http]\ntrusted-proxies = [\n  \"0.0.0.0/0\",\n  \"10.0.0.0/8\",\n  \"::/0\",\n]\n")
	const text = " believes every client: each can claim any address, host and scheme"
	file := filepath.Join(c.Dir, "gateway.toml")
	want := file + `:3: [http]: trusted-proxies: "0.0.0.0/0"` + text + "\n" + file + `:5: [http]: trusted-proxies: "::/0"` + text
	if got := strings.Join(c.Warnings, "\n"); got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

func TestFormatSize(t *testing.T) {
	for _, tt := range []struct {
		in   int64
		want string
	}{{0, "0B"}, {1, "1B"}, {1000, "1000B"}, {1 << 10, "1KiB"}, {1536, "1536B"}, {1 << 20, "1MiB"}, {3 << 30, "3GiB"}} {
		if got := formatSize(tt.in); got != tt.want {
			t.Errorf("formatSize(%d): got %q; want %q", tt.in, got, tt.want)
		}
	}
}
