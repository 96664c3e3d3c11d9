package gateway_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/testframe"
)

const page = "Content-Type: text/plain\n\n"

// TestMisbehave is CONTRACT's table "What the client gets when a frame
// misbehaves", with the client's view and the log's.
func TestMisbehave(t *testing.T) {
	t.Run("before the header", beforeHeader)
	t.Run("cut answers", cutAnswers)
	t.Run("program gone", programGone)
	t.Run("scripts", badScripts)
	t.Run("queue full", queueFull)
	t.Run("queue-timeout", queueTimeout)
	t.Run("max-body", maxBody)
	t.Run("environ too large", environTooLarge)
	t.Run("answers that stand", answersThatStand)
	t.Run("stderr", noisyStderr)
}

func beforeHeader(t *testing.T) {
	tests := []struct {
		name   string
		keys   string
		steps  []testframe.Step
		status int
		text   string // of the record's error
		exit   float64
		signal string
	}{
		{"exit 0 without a byte", "", nil, 502, "exited with status 0 before it printed a header", 0, ""},
		{"exit 3 without a byte", "", []testframe.Step{testframe.Exit(3)}, 502, "exited with status 3 before it printed a header", 3, ""},
		{"exit inside the header", "", []testframe.Step{testframe.Print("Status: 200 OK\nContent-"), testframe.Exit(1)}, 502,
			"exited with status 1 before the empty line that ends the header", 1, ""},
		{"signal without a byte", "", []testframe.Step{testframe.Kill(syscall.SIGSEGV)}, 502, "was killed by SIGSEGV before it printed a header", -1, "SIGSEGV"},
		{"signal inside the header", "", []testframe.Step{testframe.Print("Status: 200 OK\n"), testframe.Kill(syscall.SIGKILL)}, 502,
			"was killed by SIGKILL before the empty line", -1, "SIGKILL"},
		{"an empty line alone", "", []testframe.Step{testframe.Print("\n")}, 502, "no header field at all", 0, ""},
		{"text in place of a header", "", []testframe.Step{testframe.Print("Hello, world\n\n")}, 502, `"Hello, world" is no header field`, 0, ""},
		{"debug print ahead of the header", "", []testframe.Step{testframe.Print("here\nContent-Type: text/plain\n\nbody")}, 502, `line 1, byte 0: "here" is no header field`, 0, ""},
		{"bogus status", "", []testframe.Step{testframe.Print("Status: abc\n\n")}, 502, `status "abc"`, 0, ""},
		{"status 99", "", []testframe.Step{testframe.Print("Status: 99 Low\n\n")}, 502, "status", 0, ""},
		{"NUL in a value", "", []testframe.Step{testframe.Print("A: b\x00\n\n")}, 502, "holds a NUL", 0, ""},
		{"Transfer-Encoding", "", []testframe.Step{testframe.Print("Transfer-Encoding: chunked\n\n")}, 502, "Transfer-Encoding is the server's", 0, ""},
		{"endless header", "stop-grace = \"1s\"", []testframe.Step{testframe.EndlessHeader()}, 502, "longer than max-header, 65536 bytes", -1, "SIGTERM"},
		{"oversized header", `max-header = "1KiB"`, []testframe.Step{testframe.Print("A: " + strings.Repeat("a", 1<<10) + "\n\n")}, 502, "longer than max-header, 1024 bytes", 0, ""},
		{"first-byte-timeout", `first-byte-timeout = "50ms"`, []testframe.Step{testframe.Hang()}, 504, "first-byte-timeout: ", -1, "SIGTERM"},
		{"idle-timeout inside the header", `idle-timeout = "50ms"`, []testframe.Step{testframe.Print("Status: 200\n"), testframe.Hang()}, 504, "idle-timeout: ", -1, "SIGTERM"},
		{"total-timeout, silent", `total-timeout = "50ms"`, []testframe.Step{testframe.Hang()}, 504, "total-timeout: ", -1, "SIGTERM"},
		{"total-timeout, dripping", `total-timeout = "300ms"`, []testframe.Step{testframe.Drip(strings.Repeat("A", 1<<10), 5*time.Millisecond)}, 504, "total-timeout: ", -1, "SIGTERM"},
		{"timeout, SIGTERM ignored", "first-byte-timeout = \"200ms\"\nstop-grace = \"50ms\"", []testframe.Step{testframe.Ignore(syscall.SIGTERM), testframe.Hang()}, 504,
			"first-byte-timeout: ", -1, "SIGKILL"},
		{"stdout closed at once", "stop-grace = \"1s\"", []testframe.Step{testframe.CloseStdout(), testframe.Hang()}, 502, "closed its stdout before it printed a header", -1, "SIGTERM"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := bad(t, test.keys, test.steps...)
			got := s.everything(ask("/bad"))
			record := s.wantRecord("error", test.text, test.status)
			got.wantPage(test.status, record)
			if test.signal != "" && record["signal"] != test.signal || test.signal == "" && record["exit_code"] != test.exit && record["signal"] != "SIGTERM" {
				t.Errorf("record: got exit_code %v, signal %v; want %v, %q", record["exit_code"], record["signal"], test.exit, test.signal)
			}
		})
	}
}

// cutAnswers are deaths behind the header: what was printed arrives, and
// nobody can take it for the whole.
func cutAnswers(t *testing.T) {
	const size = 200_000 // more than a pipe and net/http's buffers hold
	filled := func(steps ...testframe.Step) []testframe.Step {
		return append([]testframe.Step{testframe.Print(page), testframe.Fill(size)}, steps...)
	}
	sized := func(steps ...testframe.Step) []testframe.Step {
		return append([]testframe.Step{testframe.Print(fmt.Sprintf("Content-Length: %d\n%s", size+1, page)), testframe.Fill(size)}, steps...)
	}
	tests := []struct {
		name, keys string
		steps      []testframe.Step
		text       string
	}{
		{"SIGKILL", "", filled(testframe.Kill(syscall.SIGKILL)), "was killed by SIGKILL after its header"},
		{"SIGABRT", "", filled(testframe.Kill(syscall.SIGABRT)), "was killed by SIGABRT after its header"},
		{"idle-timeout", `idle-timeout = "50ms"`, filled(testframe.Hang()), "idle-timeout: "},
		{"total-timeout", `total-timeout = "2s"`, filled(testframe.Hang()), "total-timeout: "},
		{"total-timeout without a pause", `total-timeout = "500ms"`, filled(testframe.EndlessBody("x")), "total-timeout: "},
		{"short of its Content-Length", "", sized(), "1 bytes shorter than the Content-Length of 200001"},
		{"SIGKILL short of its Content-Length", "", sized(testframe.Kill(syscall.SIGKILL)), "was killed by SIGKILL"},
	}
	for _, test := range tests {
		for _, proto := range []string{"HTTP/1.1", "HTTP/1.0"} {
			t.Run(test.name+" "+proto, func(t *testing.T) {
				s := bad(t, test.keys, test.steps...)
				got := s.everything("GET /bad " + proto + "\r\nHost: h\r\n\r\n")
				s.wantRecord("error", test.text, 200)
				resp, body, err := got.response()
				if !strings.HasPrefix(body, strings.Repeat("x", size)) {
					t.Errorf("%d bytes arrived; want the %d that were printed", len(body), size)
				}
				switch reset := errors.Is(got.err, syscall.ECONNRESET); {
				case proto == "HTTP/1.0" && resp.ContentLength < 0:
					if !reset {
						t.Errorf("the connection ended with %v; want %v", got.err, syscall.ECONNRESET)
					}
				case err != io.ErrUnexpectedEOF || got.err != nil:
					t.Errorf("the body ended with %v, the connection with %v; want %v and an orderly end", err, got.err, io.ErrUnexpectedEOF)
				}
				if strings.HasSuffix(got.data, "\r\n0\r\n\r\n") {
					t.Error("a last chunk was sent")
				}
			})
		}
	}
}

func programGone(t *testing.T) {
	for name, change := range map[string]struct {
		do   func(path string) error
		text string
	}{
		"missing":        {os.Remove, "no such file"},
		"not executable": {func(path string) error { return os.Chmod(path, 0o644) }, "it needs the run bit"},
		"not a program":  {func(path string) error { return os.WriteFile(path, []byte("echo\n"), 0o755) }, "a script needs a first line like #!/bin/sh"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, setup{
				files:  map[string]string{"prog": "#!/bin/sh\n"},
				frames: frameTable("bad", `mount = "/bad"`, []string{"./prog"}, ""),
			})
			if err := change.do(s.dir + "/prog"); err != nil {
				t.Fatal(err)
			}
			got := s.everything(ask("/bad"))
			got.wantPage(500, s.wantRecord("error", change.text, 500))
		})
	}
}

func badScripts(t *testing.T) {
	tests := []struct {
		name, path string
		status     int
		text       string
	}{
		{"no such script", "/cgi-bin/none", 404, ""},
		{"no run bit", "/cgi-bin/plain", 403, "has no run bit"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, setup{files: map[string]string{"cgi-bin/plain": "no program"}})
			got := s.everything(ask(test.path))
			list := s.records()
			if len(list) != 1 {
				t.Fatalf("got %d records; want 1", len(list))
			}
			checkRecord(t, list[0], "info", fmt.Sprint(list[0]["error"]), test.status)
			if !strings.Contains(fmt.Sprint(list[0]["error"]), test.text) {
				t.Errorf("got error %v; want %q", list[0]["error"], test.text)
			}
			got.wantPage(test.status, list[0])
		})
	}
}

// held is a site whose one slot is taken by a request that waits for leave.
func held(t *testing.T, keys string) (s *site, first *wire, leave string) {
	t.Helper()
	arrived, leave := fifo(t), fifo(t)
	s = bad(t, "max-concurrent = 1\n"+keys, testframe.Open(arrived), testframe.Await(leave), testframe.Print(page+"done"))
	first = s.dial()
	first.send(ask("/bad"))
	meet(t, arrived, os.O_RDONLY)
	return s, first, leave
}

// wantBusy is the answer to a request that found no slot.
func wantBusy(t *testing.T, s *site, first *wire, leave, text string) {
	t.Helper()
	got := s.everything(ask("/bad"))
	resp, _, _ := got.response()
	if after := resp.Header.Get("Retry-After"); after == "" || strings.Trim(after, "0123456789") != "" || after == "0" {
		t.Errorf("Retry-After: got %q; want some seconds", after)
	}
	meet(t, leave, os.O_WRONLY)
	if _, body, err := first.everything().response(); body != "done" || err != nil {
		t.Errorf("the request that holds the slot: got %q, %v; want %q", body, err, "done")
	}
	list := s.records()
	if len(list) != 2 {
		t.Fatalf("got %d records; want 2", len(list))
	}
	checkRecord(t, list[0], "error", text, 503)
	checkRecord(t, list[1], "info", "", 200)
	got.wantPage(503, list[0])
}

func queueFull(t *testing.T) {
	s, first, leave := held(t, "max-queue = 0\n")
	wantBusy(t, s, first, leave, "the queue is full")
}

func queueTimeout(t *testing.T) {
	s, first, leave := held(t, "max-queue = 1\nqueue-timeout = \"50ms\"\n")
	wantBusy(t, s, first, leave, "queue-timeout is over")
}

func maxBody(t *testing.T) {
	for name, request := range map[string]string{
		"by its length": "Content-Length: 11\r\n\r\n",
		"chunked":       "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n",
		"chunked, on":   "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := bad(t, `max-body = "10B"`, testframe.ReadAll(), testframe.Print(page))
			got := s.everything("POST /bad HTTP/1.1\r\nHost: h\r\n" + request)
			record := s.wantRecord("info", "too large", 413)
			got.wantPage(413, record)
			if record["pid"] != nil {
				t.Errorf("process %v was started; want none", record["pid"])
			}
		})
	}
}

// The kernel takes no string of 128 KiB in an environ.
func environTooLarge(t *testing.T) {
	s := bad(t, "env = { BIG = \""+strings.Repeat("b", 128<<10)+"\" }", testframe.Print(page))
	got := s.everything(ask("/bad"))
	got.wantPage(431, s.wantRecord("info", "environ is larger than the kernel takes", 431))
}

func answersThatStand(t *testing.T) {
	tests := []struct {
		name, keys string
		steps      []testframe.Step
		body       string
		level      string
		text       string
	}{
		{"exit 0", "", []testframe.Step{testframe.Print(page + "whole")}, "whole", "info", ""},
		{"exit 4", "", []testframe.Step{testframe.Print(page + "whole"), testframe.Exit(4)}, "whole", "warn", "exited with status 4 after a complete answer"},
		{"longer than its Content-Length", "", []testframe.Step{testframe.Print("Content-Length: 5\n" + page + "whole and more")}, "whole", "warn", "longer than the Content-Length of 5"},
		{"stdout closed, lives on", "stop-grace = \"1s\"", []testframe.Step{testframe.Print(page + "whole"), testframe.CloseStdout(), testframe.Hang()}, "whole", "warn", "closed its stdout and lived on"},
		{"a grandchild in its group holds stdout", "", []testframe.Step{testframe.Grandchild(false, testframe.Ready(), testframe.Hang()), testframe.Print(page + "whole")}, "whole", "info", ""},
		{"no Content-Type", "", []testframe.Step{testframe.Print("A: b\n\n<script>")}, "<script>", "warn", "no Content-Type"},
		{"stdin closed unread", "", []testframe.Step{testframe.CloseStdin(), testframe.Print(page + "whole")}, "whole", "info", ""},
		{"dripping", `idle-timeout = "5s"`, []testframe.Step{testframe.Drip(page+"whole", time.Millisecond)}, "whole", "info", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := bad(t, test.keys, test.steps...)
			got := s.everything(ask("/bad"))
			resp, body, err := got.response()
			if resp.StatusCode != 200 || body != test.body || err != nil || got.err != nil {
				t.Errorf("got %d %q, %v, %v; want 200 %q and an orderly end", resp.StatusCode, body, err, got.err, test.body)
			}
			record := s.wantRecord(test.level, test.text, 200)
			if record["bytes_out"] != float64(len(test.body)) {
				t.Errorf("bytes_out: got %v; want %d", record["bytes_out"], len(test.body))
			}
		})
	}
	t.Run("a grandchild in a session of its own holds stdout", func(t *testing.T) {
		s := bad(t, "", testframe.Print(page), testframe.Grandchild(true, testframe.PrintPID(), testframe.Ready(), testframe.Hang()), testframe.Print("whole"))
		_, body, err := s.everything(ask("/bad")).response()
		number, rest, _ := strings.Cut(body, "\n")
		stray, perr := strconv.Atoi(number)
		if rest != "whole" || err != nil || perr != nil {
			t.Fatalf("got %q, %v; want a process id and %q", body, err, "whole")
		}
		syscall.Kill(stray, syscall.SIGKILL) // it may outlive its frame, but not this test
		s.wantRecord("info", "", 200)
	})
}

// What a frame says on stderr is in the log, cut and bounded.
func noisyStderr(t *testing.T) {
	s := bad(t, "", testframe.PrintErr("one\r\ntwo\n"), testframe.Noise(4<<20, 0), testframe.Print(page+"whole"))
	if _, body, err := s.everything(ask("/bad")).response(); body != "whole" || err != nil {
		t.Fatalf("got %q, %v; want %q", body, err, "whole")
	}
	record := s.wantRecord("info", "", 200)
	lines := strings.Split(strings.TrimSpace(string(s.log.bytes())), "\n")
	prefix := fmt.Sprintf(`,"request_id":"%s","frame":"bad","stream":"stderr","message":"`, record["request_id"])
	for i, want := range []string{"one", "two", "nnn"} {
		if !strings.Contains(lines[i], prefix+want) {
			t.Errorf("line %d: got %.200s; want %s%s", i, lines[i], prefix, want)
		}
	}
	total := 0
	for _, line := range lines {
		total += strings.Count(line, "n")
		if len(line) > 9<<10 {
			t.Errorf("a log line of %d bytes; want them cut", len(line))
		}
	}
	if total > 1<<20+10_000 || !strings.Contains(string(s.log.bytes()), "the rest is dropped") {
		t.Errorf("%d bytes of noise in the log; want 1 MiB and a line that says so", total)
	}
}
