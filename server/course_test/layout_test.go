package course_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"framegate/server/internal/servertest"
)

// The course's project keeps the framework in dynamic/ and everything else at
// the root. frames/ needs no gateway.toml, another name needs two lines of it.
func TestLayout(t *testing.T) {
	servertest.Require(t, "apt-get install python3", "python3")
	const title = "<title>根目录里的设置</title>\n<p>/a/index.py</p>\n"
	tests := []struct {
		name string
		st   stage
	}{
		{"frames", stage{dir: "frames", always: []visit{
			{path: "/a/index.py", status: 200, contentType: theirHTML, body: title},
		}}},
		{"dynamic", stage{dir: "layout", toml: "[dynamic]\npath = \"dynamic\"\n", always: []visit{
			{path: "/a/index.py", status: 200, contentType: theirHTML, body: title},
			{path: "/board.css", status: 200, contentType: "text/css; charset=utf-8", body: "body { margin: 0 }\n"},
			{path: "/dynamic/helpers.txt", status: 404, contentType: plainText, body: notFound},
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := copyProject(t, tt.st.dir)
			if tt.st.toml != "" {
				writeFile(t, filepath.Join(dir, "gateway.toml"), tt.st.toml)
			}
			tt.st.warnings = []string{returnsStr}
			tt.st.serve(t, dir, tt.st.always)
		})
	}
}

// Without the two lines, the error names the directories that were searched.
func TestLayoutNeedsDynamicPath(t *testing.T) {
	dir := copyProject(t, "layout")
	stderr := refused(t, dir, nil)
	for _, want := range []string{"no module named 'mini_frame' in " + dir, "\nhint: "} {
		if !strings.Contains(stderr, want) {
			t.Errorf("got %q; want %q in it", stderr, want)
		}
	}
}

// refused runs `framegate serve 0 mini_frame:application`, which must end
// with 1 and two lines on stderr.
func refused(t *testing.T, dir string, env []string) string {
	t.Helper()
	cmd := exec.Command(servertest.Build(t), "serve", "0", "mini_frame:application")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); code != 1 || len(stdout) > 0 || strings.Count(stderr.String(), "\n") != 2 {
		t.Fatalf("got status %d (%v), stdout %q, stderr %q; want 1, nothing, and an error with its hint", code, err, stdout, stderr.String())
	}
	return stderr.String()
}

// A step further, the data is in MySQL; on many a machine pymysql is not
// there. A virtual environment without it stands for that.
func TestStage6WithoutPyMySQL(t *testing.T) {
	python := servertest.Require(t, "apt-get install python3", "python3")
	venv := filepath.Join(t.TempDir(), "venv")
	if out, err := exec.Command(python, "-m", "venv", "--without-pip", venv).CombinedOutput(); err != nil {
		t.Fatalf("make a virtual environment: %v\n%s", err, out)
	}
	const missing = "ModuleNotFoundError: No module named 'pymysql'"
	activated := "PATH=" + filepath.Join(venv, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")

	t.Run("serve refuses", func(t *testing.T) {
		dir := copyProject(t, "stage6-mysql")
		want := missing + " at " + filepath.Join(dir, "mini_frame.py") + ":2 while it was imported\n"
		if stderr := refused(t, dir, []string{activated}); !strings.Contains(stderr, want) {
			t.Errorf("got %q; want %q in it", stderr, want)
		}
	})

	// With --dev it serves; each request says in the log and on the page what
	// is wrong.
	failing := stage{
		always: []visit{{path: "/index.py", status: 500, contentType: plainText,
			contains: []string{"The application failed.", "Traceback (most recent call last):", missing}}},
		logged: []string{"Traceback (most recent call last):", "from pymysql import connect", missing},
	}
	t.Run("plain", func(t *testing.T) {
		dir := copyProject(t, "stage6-mysql")
		_, path, _ := strings.Cut(activated, "=")
		t.Setenv("PATH", path)
		failing.serve(t, dir, failing.always, "--dev")
	})
	t.Run("configured", func(t *testing.T) {
		dir := copyProject(t, "stage6-mysql")
		writeFile(t, filepath.Join(dir, "gateway.toml"), pyToml+"interpreter = '"+filepath.Join(venv, "bin", "python3")+"'\n")
		failing.serve(t, dir, failing.always, "--dev")
	})
}
