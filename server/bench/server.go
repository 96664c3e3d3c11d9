package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// server is one contestant that runs: a process, or two that work together.
type server struct {
	roots  []root
	exited sync.WaitGroup
	log    *os.File
}

// start starts a contestant for a case and answers its URL. The physical
// limit is no server: it has neither.
func (s *site) start(name string, c benchCase) (*server, string, error) {
	if name == limit {
		return nil, "", nil
	}
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	setup, err := s.setup(name, port, c)
	if err != nil {
		return nil, "", err
	}
	srv := &server{}
	if srv.log, err = os.CreateTemp(s.dir, "log-"); err != nil {
		return nil, "", err
	}
	for _, c := range setup.commands {
		if err := srv.run(s.path("app"), c); err != nil {
			srv.stop()
			return nil, "", err
		}
	}
	return srv, fmt.Sprintf("http://127.0.0.1:%d%s", port, setup.path), nil
}

// run starts one command in a process group of its own: a Ctrl-C on the
// terminal is bench's to take, which then stops everything in order.
func (srv *server) run(dir string, c command) error {
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = srv.log, srv.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	srv.roots = append(srv.roots, root{pid: cmd.Process.Pid, solo: c.solo})
	srv.exited.Go(func() { cmd.Wait() })
	return nil
}

// stop ends the server and whatever it has started in its group.
func (srv *server) stop() {
	if srv == nil {
		return
	}
	for _, r := range srv.roots {
		syscall.Kill(r.pid, syscall.SIGTERM)
	}
	ended := make(chan struct{})
	go func() {
		srv.exited.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
	}
	for _, r := range srv.roots {
		syscall.Kill(-r.pid, syscall.SIGKILL)
	}
	<-ended
	srv.log.Close()
}

// said is the end of what the server printed.
func (srv *server) said() []byte {
	data, _ := os.ReadFile(srv.log.Name())
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-5):], []byte("\n"))
}

func (srv *server) peakKiB() int64 {
	if srv == nil {
		return 0
	}
	return peak(srv.roots)
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}
