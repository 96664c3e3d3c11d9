package capture_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"framegate/server/internal/capture"
)

// shFrame is a [[frame]] that a shell's commands answer.
func shFrame(name, commands, keys string) string {
	return fmt.Sprintf("[[frame]]\nname = %q\nmount = %q\ncommand = [\"sh\", \"-c\", %q]\n%s\n", name, "/"+name, commands, keys)
}

const header = `printf 'Content-Type: text/plain\n\n'; `

// read reads the capture of an answer.
func (a answer) read(t *testing.T) *capture.Recorded {
	t.Helper()
	f, err := os.Open(a.file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec, err := capture.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestFailuresAreCaptured(t *testing.T) {
	tests := []struct {
		name, commands, keys string
		status               int
		failure              string // "" is none
		exit                 string
	}{
		{"early", "exit 3", "", 502, "the program exited with status 3 before it printed a header", "3"},
		{"own", "printf 'Status: 500\\n\\nsorry'", "", 500, "the program answered 500", "0"},
		{"late", header + "exit 4", "", 200, "the program exited with status 4 after a complete answer, which the client has", "4"},
		{"noise", "echo hello; echo; echo", "", 502, "\"hello\" is no header field: it has no colon", "*"},
		{"short", "printf 'Content-Type: text/plain\\nContent-Length: 9\\n\\nabc'", "", 200, "the body is 6 bytes shorter than the Content-Length of 9", "0"},
		{"killed", "kill -SEGV $$", "", 502, "the program was killed by SIGSEGV before it printed a header", "SIGSEGV"},
		{"silent", "exec sleep 60", `first-byte-timeout = "100ms"`, 504, "first-byte-timeout: nothing to read from the program", "SIGTERM"},
		{"endless", header + "exec yes", `max-output = "1KiB"`, 502, "the program printed more than max-output, 1024 bytes", "SIGTERM"},
		{"missing", "", "", 500, "program cannot be run", ""},
	}
	config := "[capture]\n" + shFrame("good", header, "") + shFrame("twelve", "printf 'Status: 404\\n\\nnone'; exit 0", "") +
		"[[frame]]\nname = \"scripts\"\nscripts = \"/scripts\"\ndir = \"scripts\"\n"
	for _, test := range tests {
		if test.name == "missing" {
			config += "[[frame]]\nname = \"missing\"\nmount = \"/missing\"\ncommand = [\"./none\"]\n"
			continue
		}
		config += shFrame(test.name, test.commands, test.keys)
	}
	s := serve(t, config, map[string]string{"scripts/x/y": ""})
	// What is no failure has no capture: the first is that of the failure
	// that follows.
	for path, want := range map[string]int{"/good": 200, "/twelve": 404, "/scripts/none": 404, "/nothing": 404} {
		if status, body := s.send(s.request("GET", path, nil)); status != want {
			t.Errorf("%s: got %d %s; want %d", path, status, body, want)
		}
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.t = t
			a := s.ask(s.request("GET", "/"+test.name, nil))
			rec := a.read(t)
			if rec.Frame != test.name || rec.Answer.Status != a.status || !strings.Contains(rec.Failure, test.failure) {
				t.Errorf("got frame %q, status %d, failure %q; want %q, %d, %q", rec.Frame, rec.Answer.Status, rec.Failure, test.name, a.status, test.failure)
			}
			if a.status != test.status && !(rec.Answer.Cut && a.status == 200) {
				t.Errorf("got status %d; want %d", a.status, test.status)
			}
			exit := ""
			if rec.Exit != nil {
				if exit = rec.Exit.Signal; exit == "" {
					exit = fmt.Sprint(rec.Exit.Code)
				}
			}
			if exit != test.exit && test.exit != "*" || (rec.Pid > 0) != (exit != "") {
				t.Errorf("got exit %q, pid %d; want %q", exit, rec.Pid, test.exit)
			}
			if filepath.Base(a.file) != capture.FileName(&rec.Exchange) {
				t.Errorf("got %s; want %s", a.file, capture.FileName(&rec.Exchange))
			}
		})
	}
}

// Process number, signals, exit status and children are the program's own.
func TestProcessIsTheProgram(t *testing.T) {
	const tell = `echo "$$" >&2; read -r c </proc/$$/task/$$/children; echo "children: $c" >&2; `
	s := serve(t, "[capture]\n"+
		shFrame("exit", tell+"cat >/dev/null; exit 7", "")+shFrame("signal", tell+"kill -SEGV $$", ""), nil)
	body := strings.Repeat("\x00\x01", 100<<10) // base64, in a here-document that no pipe holds
	for _, name := range []string{"exit", "signal"} {
		a := s.ask(s.request("POST", "/"+name, strings.NewReader(body)))
		for _, sh := range shells(t) {
			t.Run(name+"/"+sh.name, func(t *testing.T) {
				_, errs, state := sh.run(t, a.file)
				if want := fmt.Sprintf("%d\nchildren: \n", state.Pid()); errs != want {
					t.Errorf("got %q; want %q", errs, want)
				}
				wait := state.Sys().(syscall.WaitStatus)
				if name == "exit" && state.ExitCode() != 7 || name == "signal" && wait.Signal() != syscall.SIGSEGV {
					t.Errorf("got %v", state)
				}
			})
		}
	}
}

// A capture of a hang hangs, and says so.
func TestHangHangs(t *testing.T) {
	s := serve(t, "[capture]\n"+shFrame("hang", "exec sleep 60", `first-byte-timeout = "100ms"`), nil)
	a := s.ask(s.request("GET", "/hang", nil))
	for _, sh := range shells(t) {
		t.Run(sh.name, func(t *testing.T) {
			cmd := exec.Command(sh.argv[0], append(sh.argv[1:len(sh.argv):len(sh.argv)], a.file)...)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(stderr).ReadString('\n')
			const want = "framegate: capture: the gateway stopped it after 0.1 s (first-byte-timeout). Nothing stops it here: Ctrl-C does\n"
			if line != want {
				t.Errorf("got %q, %v; want %q", line, err, want)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Errorf("it has ended by itself: %v", err)
			}
			cmd.Wait() // it was killed
		})
	}
}

// Who knows the secret has a capture of one request; the frame sees nothing of it.
func TestCaptureOnRequest(t *testing.T) {
	s := serve(t, "[capture]\non = \"off\"\nsecret = \"open-sesame\"\n"+shFrame("env", header+"env; exit 0", ""), nil)
	for _, secret := range []string{"", "open-sesam", "wrong"} {
		r := s.request("GET", "/env", nil)
		if secret != "" {
			r.Header.Set("Framegate-Capture", secret)
		}
		if _, body := s.send(r); strings.Contains(body, "FRAMEGATE") {
			t.Errorf("%q: the frame sees %s", secret, body)
		}
	}
	r := s.request("GET", "/env?asked", nil)
	r.Header.Set("Framegate-Capture", "open-sesame")
	a := s.ask(r)
	rec := a.read(t)
	if !rec.Asked || rec.Request.Target != "/env?asked" || strings.Contains(a.body, "FRAMEGATE") {
		t.Errorf("got asked %v, target %q, and the frame saw %s", rec.Asked, rec.Request.Target, a.body)
	}
	script, err := os.ReadFile(a.file)
	if err != nil || strings.Contains(string(script), "sesame") {
		t.Errorf("the capture holds the secret, or is not there: %v", err)
	}
}

// A disk that takes no captures costs captures, one record, and nothing else.
func TestDiskThatFails(t *testing.T) {
	s := serve(t, "[capture]\non = \"all\"\n"+shFrame("good", header+"cat", ""), nil)
	dir := filepath.Join(s.dir, "captures")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		want := fmt.Sprint("body ", i)
		if status, body := s.send(s.request("POST", "/good", strings.NewReader(want))); status != 200 || body != want {
			t.Errorf("got %d %q; want 200 %q", status, body, want)
		}
	}
	s.until("the record", func() bool { return len(s.records("captures are being lost")) > 0 })
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	sent := 20
	for ; len(s.captures()) == 0; sent++ {
		s.send(s.request("POST", "/good", nil))
	}
	lost := func() (n int) {
		for _, record := range s.records("captures were lost") {
			n += int(record["lost"].(float64))
		}
		return n
	}
	s.until("every capture to be written or lost", func() bool { return lost()+len(s.captures()) == sent })
	losing := s.records("captures are being lost")
	if len(losing) != 1 || losing[0]["level"] != "warn" || lost() == 0 || len(s.records("captures were lost")) != 1 {
		t.Errorf("got %v and %d lost; want one record of each", losing, lost())
	}
	if text := fmt.Sprint(losing[0]["error"]); !strings.Contains(text, "not a directory") {
		t.Errorf("got %q; want why", text)
	}
}

// Captures of several servers, and of several runs, share the directory.
func TestDirectoryIsBounded(t *testing.T) {
	s := serve(t, "[capture]\non = \"all\"\nmax-count = 5\n"+shFrame("good", header, ""), nil)
	for range 12 {
		s.ask(s.request("GET", "/good", nil))
	}
	list, err := filepath.Glob(filepath.Join(s.dir, "captures", "*"))
	if err != nil || len(list) != 5 {
		t.Fatalf("got %q, %v; want five captures", list, err)
	}
	for i, file := range s.captures()[7:] {
		if list[i] != file {
			t.Errorf("got %s; want the newest, %s", list[i], file)
		}
	}
}
