package follow

import (
	"path/filepath"
	"testing"

	"framegate/server/internal/capture"
)

// What a server pays for each exchange while nobody follows.
func BenchmarkNobody(b *testing.B) {
	var h Hub
	if err := h.Open(filepath.Join(b.TempDir(), "s"), func() Server { return Server{} }); err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	b.ReportAllocs()
	for b.Loop() {
		if h.Interest() != capture.Nothing {
			b.Fatal("somebody follows")
		}
	}
}
