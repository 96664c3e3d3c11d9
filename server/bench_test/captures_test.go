package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkCaptures measures what captures cost exchanges that are good: a
// server that captures nothing beside one that captures failures, and one that
// captures everything, as BenchmarkBounds does.
func BenchmarkCaptures(b *testing.B) {
	b.Run("exec", func(b *testing.B) {
		compareCaptures(b, fmt.Sprintf(helloFrame, helloProgram(b, b.TempDir())))
	})
	b.Run("worker", func(b *testing.B) {
		dir := b.TempDir()
		app := "def application(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'hello\\n']\n"
		if err := os.WriteFile(filepath.Join(dir, "hello.py"), []byte(app), 0o644); err != nil {
			b.Fatal(err)
		}
		compareCaptures(b, fmt.Sprintf("[[frame]]\nname = \"hello\"\nmount = \"/hello\"\napp = \"hello:application\"\ndir = %q\nmode = \"worker\"\n", dir))
	})
}

func compareCaptures(b *testing.B, frame string) {
	var variants []*variant
	for _, on := range []string{"off", "failure", "all"} {
		config := fmt.Sprintf("[capture]\non = %q\n[http]\nhosts = [\"bench\"]\n", on) + frame
		variants = append(variants, newVariant(b, on, config))
	}
	const rounds = 41 // odd: the median is one of them
	compare(b, variants, rounds)
}
