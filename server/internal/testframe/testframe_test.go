package testframe

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) {
	Main(os.Args)
	os.Exit(m.Run())
}

// A step that no test uses is a way to misbehave that is not tested.
func TestEveryStepIsUsed(t *testing.T) {
	unused := map[string]bool{}
	for _, decl := range parse(t, "steps.go").Decls {
		f, ok := decl.(*ast.FuncDecl)
		if ok && f.Recv == nil && f.Name.IsExported() && returnsStep(f) {
			unused[f.Name.Name] = true
		}
	}
	if len(unused) < 20 {
		t.Fatalf("found only the steps %v in steps.go", unused)
	}
	files, err := filepath.Glob("../*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		ast.Inspect(parse(t, file), func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "testframe" {
					delete(unused, sel.Sel.Name)
				}
			}
			return true
		})
	}
	for name := range unused {
		t.Errorf("testframe.%s: no test uses it", name)
	}
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func returnsStep(f *ast.FuncDecl) bool {
	if f.Type.Results == nil || len(f.Type.Results.List) != 1 {
		return false
	}
	id, ok := f.Type.Results.List[0].Type.(*ast.Ident)
	return ok && id.Name == "Step"
}

func TestEncodeRoundTrip(t *testing.T) {
	for _, s := range []Step{
		Hang(),
		Print("a\x00b\x1e\xff\r\n\"世界"),
		Grandchild(true, Print("inner\x00"), Grandchild(false, Exit(3)), Ready()),
	} {
		text := s.encode()
		if strings.Contains(text, "\x00") {
			t.Errorf("%q holds a NUL, which no argv can", text)
		}
		got, err := decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, got, cmp.AllowUnexported(Step{})); diff != "" {
			t.Errorf("after a round trip (-want +got):\n%s", diff)
		}
	}
}

func TestSteps(t *testing.T) {
	argv := Command(Print("a\x00"), PrintErr("b"), Grandchild(false, Print("c"), Ready()), Count(), Exit(7), Print("never"))
	cmd := exec.Command(argv[0], argv[1:]...)
	var stdout, stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("four"), &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState.ExitCode() != 7 || stdout.String() != "a\x00c4" || stderr.String() != "b" {
		t.Errorf("got %v, stdout %q, stderr %q; want exit status 7, %q and %q", err, stdout.String(), stderr.String(), "a\x00c4", "b")
	}
}

// A frame that fails to misbehave must not pass for one that did.
func TestBrokenStep(t *testing.T) {
	argv := Command(Open("/nonexistent/fifo"))
	cmd := exec.Command(argv[0], argv[1:]...)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 99 || !strings.Contains(string(out), "testframe: open: ") {
		t.Errorf("got exit status %d and %q; want 99 and a line that names the step", cmd.ProcessState.ExitCode(), out)
	}
}
