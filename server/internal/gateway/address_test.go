package gateway

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"framegate/server/internal/config"
	"framegate/server/internal/fastcgi/fcgitest"
	"framegate/server/internal/process"
	"framegate/server/internal/runner"
	"framegate/server/internal/servertest"
)

// What a capture runs asks the address again, with the same environ and stdin.
func TestCapturedElsewhere(t *testing.T) {
	servertest.Require(t, "apt install libfcgi-bin", "cgi-fcgi")
	script := filepath.Join(t.TempDir(), "echo.php")
	if err := os.WriteFile(script, []byte(`<?php echo $_SERVER['PATH_INFO'], ' ', file_get_contents('php://input');`), 0o644); err != nil {
		t.Fatal(err)
	}
	f := &frame{cfg: &config.Frame{
		Scripts: "/php", Address: []string{"unix:" + fcgitest.StartFPM(t, 1).Socket},
		Settings: config.Settings{Protocol: runner.FastCGI},
	}, scripts: &scriptDir{}}
	p := f.captured(&process.Spec{Path: script, Argv: []string{script}, Dir: "/", Env: []string{
		"SCRIPT_FILENAME=" + script, "PATH_INFO=/x", "REQUEST_METHOD=POST", "CONTENT_LENGTH=5", "CONTENT_TYPE=text/plain",
	}})
	if p.File != script {
		t.Errorf("got file %q; want %q", p.File, script)
	}
	cmd := exec.Command(p.Path, p.Argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdin = p.Env, p.Dir, strings.NewReader("hello")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || !strings.HasSuffix(string(out), "\r\n\r\n/x hello") {
		t.Errorf("got %q, %v\n%s", out, err, stderr.String())
	}
}

// No program of a shell's speaks SCGI: a capture says so, and fails.
func TestCapturedSCGI(t *testing.T) {
	f := &frame{cfg: &config.Frame{Mount: "/x", Address: []string{"127.0.0.1:9000"}, Settings: config.Settings{Protocol: runner.SCGI}}}
	p := f.captured(&process.Spec{Dir: "/"})
	out, err := exec.Command(p.Path, p.Argv[1:]...).CombinedOutput()
	if want := "framegate: this was answered by SCGI at 127.0.0.1:9000, which a shell cannot ask\n"; string(out) != want || err == nil {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}
