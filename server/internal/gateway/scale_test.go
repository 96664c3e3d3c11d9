package gateway_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
)

// manyFrames is a configuration of n frames, of different names and routes.
func manyFrames(tb testing.TB, n int) *config.Config {
	tb.Helper()
	var file strings.Builder
	for i := range n {
		way := fmt.Sprintf("mount = \"/app/number%d\"", i)
		if i%2 == 1 {
			way = fmt.Sprintf("match = [\"*.x%d\"]", i)
		}
		fmt.Fprintf(&file, "[[frame]]\nname = \"f%d\"\n%s\ncommand = [\"/bin/true\"]\nenv = { A = \"b\" }\n\n", i, way)
	}
	path := filepath.Join(tb.TempDir(), "gateway.toml")
	if err := os.WriteFile(path, []byte(file.String()), 0o644); err != nil {
		tb.Fatal(err)
	}
	cfg, err := config.Load(path)
	if err != nil {
		tb.Fatal(err)
	}
	return cfg
}

// What New does for each of many frames is counted: a file that is kept open, a
// process that is started or a table that is read once more for each is all that
// it takes to make a start of ten thousand frames one of many seconds.
func TestNewPerFrame(t *testing.T) {
	const few, many = 100, 600
	perFrame := func(count func(*config.Config) float64) float64 {
		return (count(manyFrames(t, many)) - count(manyFrames(t, few))) / (many - few)
	}
	opened := func(cfg *config.Config, look func()) {
		g, err := gateway.New(t.Context(), cfg, gateway.Options{Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		if look != nil {
			look()
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name  string
		most  float64
		count func(*config.Config) float64
	}{
		{"descriptors", 0, func(cfg *config.Config) (n float64) {
			opened(cfg, func() { n = float64(openFiles(t)) })
			return n
		}},
		{"reads", 0, func(cfg *config.Config) float64 {
			before := readCalls(t)
			opened(cfg, nil)
			return readCalls(t) - before
		}},
		{"allocations of New and Close", 30, func(cfg *config.Config) float64 {
			return testing.AllocsPerRun(2, func() { opened(cfg, nil) })
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := perFrame(tt.count)
			if got > tt.most+0.05 { // the runtime reads and opens now and then, too
				t.Errorf("got %.2f for each frame; want %v at the most", got, tt.most)
			}
			t.Logf("%.2f for each frame", got)
		})
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

// readCalls is how often this program has called read(2) and the like.
func readCalls(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skip(err)
	}
	_, rest, _ := strings.Cut(string(text), "syscr: ")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseFloat(line, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// BenchmarkNew opens and closes a gateway of n frames: a frame of many costs
// as much as one of few.
func BenchmarkNew(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			cfg := manyFrames(b, n)
			b.ReportAllocs()
			for b.Loop() {
				g, err := gateway.New(b.Context(), cfg, gateway.Options{Log: zerolog.Nop()})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := g.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/frame")
		})
	}
}
