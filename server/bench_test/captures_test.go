package bench_test

import (
	"fmt"
	"testing"
)

// BenchmarkCaptures measures what captures cost exchanges that are good: a
// server that captures nothing beside one that captures failures, and one that
// captures everything, as BenchmarkBounds does.
func BenchmarkCaptures(b *testing.B) {
	program := helloProgram(b, b.TempDir())
	var variants []*variant
	for _, on := range []string{"off", "failure", "all"} {
		config := "[capture]\non = %q\n[http]\nhosts = [\"bench\"]\n" + helloFrame
		variants = append(variants, newVariant(b, on, fmt.Sprintf(config, on, program)))
	}
	const rounds = 41 // odd: the median is one of them
	compare(b, variants, rounds)
}
