package lint_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"framegate/server/internal/capture"
	"framegate/server/internal/lint"
)

var update = flag.Bool("update", false, "write what lint says into testdata")

// example is a file of testdata: the raw output of a frame (NAME.out), or a
// whole exchange (NAME.txtar: exchange.json, stdout, stdin).
type example struct {
	path     string
	code     string // the first part of its name: the finding that it is an example of
	raw      []byte
	exchange *capture.Exchange // nil for an output
}

func examples(t testing.TB, pattern string) []example {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var list []example
	for _, path := range paths {
		e := example{path: path}
		e.code, _, _ = strings.Cut(filepath.Base(path), ".")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		switch filepath.Ext(path) {
		case ".out":
			e.raw = data
		case ".txtar":
			e.exchange = readExchange(t, path, data)
			e.raw = e.exchange.Stdout.Head
		default:
			continue
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		t.Fatalf("%s: nothing there", pattern)
	}
	return list
}

func readExchange(t testing.TB, path string, data []byte) *capture.Exchange {
	t.Helper()
	x := &capture.Exchange{Pid: 1, Stdin: capture.Stream{Read: -1}}
	for _, f := range txtar.Parse(data).Files {
		switch f.Name {
		case "exchange.json":
			d := json.NewDecoder(bytes.NewReader(f.Data))
			d.DisallowUnknownFields()
			if err := d.Decode(x); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		case "stdout":
			x.Stdout.Head = f.Data
		case "stdin":
			x.Stdin.Head = f.Data
		default:
			t.Fatalf("%s: unknown part %s", path, f.Name)
		}
	}
	x.Stdout.Size = max(x.Stdout.Size, int64(len(x.Stdout.Head)))
	x.Stdin.Size = max(x.Stdin.Size, int64(len(x.Stdin.Head)))
	return x
}

func (e *example) judge() []lint.Finding {
	if e.exchange != nil {
		return lint.Exchange(e.exchange)
	}
	return lint.Output(e.raw, lint.Context{})
}

// TestBad holds each bad example to what stands beside it.
func TestBad(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range examples(t, "testdata/bad/*") {
		t.Run(filepath.Base(e.path), func(t *testing.T) {
			findings := e.judge()
			found := false
			for _, f := range findings {
				found = found || f.Code == e.code
				checkFinding(t, e.raw, f)
			}
			if !found {
				t.Errorf("it has no %s: %v", e.code, findings)
			}
			seen[e.code] = true
			checkPrint(t, e.raw, findings)
			var got bytes.Buffer
			lint.Print(&got, filepath.Base(e.path), findings, e.raw, false)
			wanted(t, strings.TrimSuffix(e.path, filepath.Ext(e.path))+".want", got.Bytes())
		})
	}
	for _, k := range lint.Kinds() {
		if !seen[k.Code] {
			t.Errorf("%s: testdata/bad has no example", k.Code)
		}
		delete(seen, k.Code)
	}
	for code := range seen {
		t.Errorf("testdata/bad/%s.*: there is no such finding", code)
	}
}

// wanted holds what was got to a file.
func wanted(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; go test -update writes it):\n%s", path, diff)
	}
}

// TestGood: there is nothing to say about a good answer.
func TestGood(t *testing.T) {
	for _, e := range examples(t, "testdata/good/*") {
		t.Run(filepath.Base(e.path), func(t *testing.T) {
			for _, f := range e.judge() {
				t.Errorf("got %+v", f)
			}
		})
	}
}
