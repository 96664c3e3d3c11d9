package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDocs holds the pages to the figures that are committed: they are not
// mended by hand.
func TestDocs(t *testing.T) {
	root := filepath.Join("..", "..")
	r, err := readJSON(filepath.Join(root, docsJSON))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range docsPages() {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		want, err := r.fill(string(text))
		if err != nil {
			t.Fatal(err)
		}
		if !generated.Match(text) {
			t.Errorf("%s: carries no figures", page)
		}
		if string(text) != want {
			t.Errorf("%s: is not of the figures in %s: scripts/bench.sh --docs --redraw", page, docsJSON)
		}
	}
	chart := filepath.Join(t.TempDir(), "chart.svg")
	if err := r.writeChart(chart); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, docsSVG))
	want, _ := os.ReadFile(chart)
	if err != nil || string(got) != string(want) {
		t.Errorf("%s: is not of the figures in %s: scripts/bench.sh --docs --redraw", docsSVG, docsJSON)
	}
}
