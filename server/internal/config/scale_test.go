package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkLoad is a configuration of n frames; a frame of many costs as much
// as one of few.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			var file strings.Builder
			for i := range n {
				way := fmt.Sprintf("mount = \"/app/number%d\"", i)
				if i%2 == 1 {
					way = fmt.Sprintf("match = [\"*.x%d\"]", i)
				}
				fmt.Fprintf(&file, "[[frame]]\nname = \"f%d\"\n%s\ncommand = [\"/bin/true\"]\nenv = { A = \"b\" }\n\n", i, way)
			}
			path := filepath.Join(dir, "gateway.toml")
			if err := os.WriteFile(path, []byte(file.String()), 0o644); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Load(path); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/frame")
		})
	}
}
