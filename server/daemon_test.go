package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

type daemonKey struct{}

// endLimit is how long a server may take to end; a hang is a failure and not
// the end of the whole run.
const endLimit = 30 * time.Second

// daemon is a running `framegate serve`, from the same binary as the test.
type daemon struct {
	cmd      *exec.Cmd
	greeting string // the line that it printed
	url      string // "http://127.0.0.1:PORT", or "unix:PATH"
	ended    chan error
}

var urlPattern = regexp.MustCompile(`http://[^/\s]+|unix:\S+`)

// start runs `framegate ARGS...` until it has printed its URL. Its stderr goes
// to the file named log.
func (d *daemon) start(dir string, env []string, log string, args ...string) error {
	stderr, err := os.Create(log)
	if err != nil {
		return err
	}
	defer stderr.Close()
	return d.startWith(dir, env, stderr, args...)
}

func (d *daemon) startWith(dir string, env []string, stderr *os.File, args ...string) error {
	cmd := exec.Command("framegate", args...)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, env, stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(stdout)
	d.greeting, err = lines.ReadString('\n') // ends at the latest with the process
	d.ended = make(chan error, 1)
	go func() {
		io.Copy(io.Discard, lines)
		d.ended <- cmd.Wait()
	}()
	if err != nil {
		return fmt.Errorf("framegate %s: ended without a greeting: %w", strings.Join(args, " "), <-d.ended)
	}
	d.cmd, d.url = cmd, urlPattern.FindString(d.greeting)
	return nil
}

// signal sends s; wait and stop tell how the server ends.
func (d *daemon) signal(s syscall.Signal) error { return d.cmd.Process.Signal(s) }

func (d *daemon) stop() error {
	if err := d.signal(syscall.SIGTERM); err != nil {
		return err
	}
	return d.wait()
}

func (d *daemon) wait() error {
	defer func() { d.cmd = nil }()
	select {
	case err := <-d.ended:
		return err
	case <-time.After(endLimit):
		d.cmd.Process.Kill()
		<-d.ended
		return fmt.Errorf("framegate serve: still running %v after its signal", endLimit)
	}
}

// kill ends what a failed test has left running.
func (d *daemon) kill() {
	if d.cmd != nil {
		d.cmd.Process.Kill()
		<-d.ended
		d.cmd = nil
	}
}

// client speaks to the server over whatever it listens on, and takes each
// answer as it comes: no redirects, no decompression, no connection kept.
func (d *daemon) client() *http.Client {
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	if path, ok := strings.CutPrefix(d.url, "unix:"); ok {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       endLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (d *daemon) do(ctx context.Context, method, path string, headers []string) (*http.Response, error) {
	base := d.url
	if strings.HasPrefix(base, "unix:") {
		base = "http://localhost"
	}
	request, err := http.NewRequestWithContext(ctx, method, base, nil)
	if err != nil {
		return nil, err
	}
	request.URL.Opaque = (&url.URL{Path: path}).EscapedPath()
	if strings.ContainsAny(path, "%?") {
		request.URL.Opaque = path // encoded as it should be, by the test
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Add(name, value)
	}
	return d.client().Do(request)
}

// get returns the response as text; the error is that of a cut body.
func (d *daemon) get(method, path string, headers []string) (string, error) {
	response, err := d.do(context.Background(), method, path, headers)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\n", response.Proto, response.Status)
	response.Header.Write(&b)
	b.WriteString("\n")
	_, err = io.Copy(&b, response.Body)
	return strings.ReplaceAll(b.String(), "\r\n", "\n"), err
}

func write(w io.Writer, s string) error {
	_, err := io.WriteString(w, s)
	return err
}
