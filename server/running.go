package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"framegate/server/internal/config"
	"framegate/server/internal/follow"
)

// running are the flags that say which server is meant, of those that run.
type running struct {
	file   string
	listen string
	socket string

	verb, able string // what is wanted of it: "follow", "followed"
}

func (r *running) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&r.file, "config", "c", "", r.verb+" the server of this configuration `FILE`")
	f.StringVar(&r.listen, "listen", "", "of several, the one that listens on `ADDR`")
	f.StringVar(&r.socket, "socket", "", r.verb+" the server that has the socket `PATH` (see serve --trace-socket)")
}

// find is the server that is meant.
func (r *running) find() (*follow.Client, error) {
	if r.socket != "" {
		c, err := follow.Dial(r.socket)
		if err != nil {
			return nil, r.socketError(err)
		}
		return c, nil
	}
	file, err := r.configFile()
	if err != nil {
		return nil, err
	}
	site, err := follow.Site(file, ".")
	if err != nil {
		return nil, err
	}
	found := follow.Find(site)
	var matching []*follow.Client
	var listens []string
	for _, c := range found {
		listens = append(listens, c.Server.Listen)
		if r.listen == "" || r.listen == c.Server.Listen || strings.Contains(c.Server.URL, "//"+r.listen+"/") {
			matching = append(matching, c)
			continue
		}
		c.Close()
	}
	switch {
	case len(matching) == 1:
		return matching[0], nil
	case len(matching) == 0 && len(found) > 0:
		return nil, &hintedError{err: fmt.Errorf("no server of %s listens on %s", site, r.listen), hint: "there are: " + strings.Join(listens, ", ")}
	case len(matching) == 0:
		return nil, r.nobody(site, file)
	}
	for _, c := range matching {
		c.Close()
	}
	return nil, &hintedError{err: fmt.Errorf("%d servers of %s run: which one?", len(found), site), hint: "--listen " + strings.Join(listens, ", or --listen ")}
}

// configFile is the configuration's, "" where there is none. It is not read:
// the server may have an older one that is right.
func (r *running) configFile() (string, error) {
	name := r.file
	if name == "" {
		name = configName
	}
	_, err := os.Stat(name)
	switch {
	case err == nil:
		return filepath.Abs(name)
	case r.file == "" && errors.Is(err, fs.ErrNotExist):
		return "", nil
	}
	return "", fmt.Errorf("%s the server of %s: %w", r.verb, name, rootCause(err))
}

// nobody says that no server was found, and whether there is one that is
// somebody else's.
func (r *running) nobody(site, file string) error {
	e := &hintedError{err: fmt.Errorf("no server of %s runs", site), hint: "start it with framegate serve, or go to its directory, or name its configuration with -c"}
	cfg, err := config.Default(".")
	if file != "" {
		cfg, err = config.Load(file)
	}
	if err != nil {
		return e
	}
	listen := cmp.Or(r.listen, cfg.Listen)
	network, address := "tcp", listen
	if path, ok := strings.CutPrefix(listen, "unix:"); ok {
		network, address = "unix", path
	}
	if conn, err := net.DialTimeout(network, address, time.Second); err == nil {
		conn.Close()
		e.err = fmt.Errorf("no server of %s that can be %s runs, although something listens on %s", site, r.able, listen)
		e.hint = "it may be another user's, who alone may " + r.verb + " it, or serve another directory, or have been started with --trace-socket: then name that with --socket"
	}
	return e
}

// socketError says why nobody answers at a socket.
func (r *running) socketError(err error) error {
	e := &hintedError{err: fmt.Errorf("%s the server at %s: %w", r.verb, r.socket, rootCause(err))}
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.hint = "it is another user's: only who runs the server may " + r.verb + " it"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.hint = "its server has gone"
	case errors.Is(err, fs.ErrNotExist):
		e.hint = "no server that runs has it: framegate serve --trace-socket " + r.socket
	}
	return e
}
