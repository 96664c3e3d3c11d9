package main

import (
	"bytes"
	"context"
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
	pids   []int
	cmds   []*exec.Cmd
	exited sync.WaitGroup
	log    *os.File
}

// start starts a contestant for a case and answers its URL. The physical
// limit is no server: it has neither.
func (s *site) start(ctx context.Context, name string, c benchCase) (*server, string, error) {
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
	for _, argv := range setup.commands {
		if err := srv.run(ctx, s.path("app"), setup.env, argv); err != nil {
			srv.stop()
			return nil, "", err
		}
	}
	return srv, fmt.Sprintf("http://127.0.0.1:%d%s", port, setup.path), nil
}

func (srv *server) run(ctx context.Context, dir string, env, argv []string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = srv.log, srv.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	srv.cmds = append(srv.cmds, cmd)
	srv.pids = append(srv.pids, cmd.Process.Pid)
	srv.exited.Go(func() { cmd.Wait() })
	return nil
}

// stop ends the server and whatever it has started in its group.
func (srv *server) stop() {
	if srv == nil {
		return
	}
	for _, pid := range srv.pids {
		syscall.Kill(pid, syscall.SIGTERM)
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
	for _, pid := range srv.pids {
		syscall.Kill(-pid, syscall.SIGKILL)
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
	return peak(srv.pids)
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}
