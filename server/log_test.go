package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const loggedFrames = `
listen = "127.0.0.1:0"
[[frame]]
name = "good"
mount = "/good"
command = ["sh", "-c", 'echo "one line" >&2; cat; printf "Content-Type: text/plain\n\n1234567"']
[[frame]]
name = "killed"
mount = "/killed"
command = ["sh", "-c", 'printf "Content-Type: text/plain\n\nhalf"; kill -KILL $$']
`

// Fields of the record of a request, as CONTRACT has them; the last row only
// has them where there was a frame.
var (
	requestFields = []string{"time", "level", "request_id", "remote", "method", "host", "uri", "proto", "status",
		"bytes_in", "bytes_out", "duration_ms"}
	frameFields = []string{"frame", "mode", "pid", "exit_code", "queue_ms", "spawn_ms", "first_byte_ms", "cpu_ms", "max_rss_kib"}
)

// When stderr is no terminal, every line of it is a JSON object.
func TestLogIsJSON(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "gateway.toml"), loggedFrames)
	writeFile(t, filepath.Join(dir, "static", "a.txt"), "file\n")
	var d daemon
	if err := d.start(dir, os.Environ(), filepath.Join(dir, "log"), "serve"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.kill)
	for _, path := range []string{"/good?q=1", "/a.txt", "/none", "/killed"} {
		_, err := d.get("GET", path, nil)
		if wantCut := path == "/killed"; (err != nil) != wantCut {
			t.Fatalf("GET %s: got %v; want a cut answer: %v", path, err, wantCut)
		}
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	lines := readLog(t, filepath.Join(dir, "log"))

	tests := []struct {
		uri    string
		fields []string
		want   map[string]any
	}{
		{"/good?q=1", slices.Concat(requestFields, frameFields), map[string]any{"level": "info", "status": 200.0, "method": "GET",
			"proto": "HTTP/1.1", "bytes_in": 0.0, "bytes_out": 7.0, "frame": "good", "mode": "exec", "exit_code": 0.0}},
		{"/a.txt", requestFields, map[string]any{"level": "info", "status": 200.0, "bytes_out": 5.0}},
		{"/none", append(slices.Clone(requestFields), "error"), map[string]any{"level": "info", "status": 404.0}},
		{"/killed", slices.Concat(requestFields, frameFields, []string{"signal", "error"}), map[string]any{"level": "error", "status": 200.0,
			"bytes_out": 4.0, "signal": "SIGKILL", "error": "the program was killed by SIGKILL after its header: the answer was cut"}},
	}
	for _, tt := range tests {
		t.Run(tt.uri, func(t *testing.T) {
			record := requestRecord(t, lines, tt.uri)
			got, want := slices.Sorted(maps.Keys(record)), slices.Sorted(slices.Values(tt.fields))
			if !slices.Equal(got, want) {
				t.Errorf("fields: got %q; want %q", got, want)
			}
			for name, value := range tt.want {
				if record[name] != value {
					t.Errorf("%s: got %v; want %v", name, record[name], value)
				}
			}
			if at, err := time.Parse(time.RFC3339Nano, record["time"].(string)); err != nil || time.Since(at) > time.Hour {
				t.Errorf("time: got %v, %v; want the time of the request", record["time"], err)
			}
			if !strings.HasPrefix(record["remote"].(string), "127.0.0.1:") {
				t.Errorf("remote: got %v; want an address of 127.0.0.1", record["remote"])
			}
		})
	}
	checkStderrLine(t, lines)
}

// checkStderrLine looks for what the frame "good" said.
func checkStderrLine(t *testing.T, lines []map[string]any) {
	t.Helper()
	id := requestRecord(t, lines, "/good?q=1")["request_id"]
	for _, line := range lines {
		if line["stream"] != "stderr" {
			continue
		}
		if line["request_id"] != id || line["frame"] != "good" || line["message"] != "one line" {
			t.Errorf("stderr: got %v; want request %v, frame good, message %q", line, id, "one line")
		}
		return
	}
	t.Error("stderr of the frame is not in the log")
}

// readLog reads a log of JSON lines.
func readLog(t *testing.T, name string) []map[string]any {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var lines []map[string]any
	for line := range strings.Lines(string(data)) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("log: got %q: %v; want JSON", line, err)
		}
		lines = append(lines, record)
	}
	return lines
}

// requestRecord is the one record of the request to uri.
func requestRecord(t *testing.T, lines []map[string]any, uri string) map[string]any {
	t.Helper()
	var found []map[string]any
	for _, line := range lines {
		if line["uri"] == uri {
			found = append(found, line)
		}
	}
	if len(found) != 1 {
		t.Fatalf("log: got %d records of %s; want 1:\n%v", len(found), uri, lines)
	}
	return found[0]
}
