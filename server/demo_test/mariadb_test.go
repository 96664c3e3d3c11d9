package demo_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"framegate/server/internal/servertest"
)

const installMariaDB = "apt-get install mariadb-server python3-pymysql"

// A mariaDB is a server of the test's own: its data in a temporary directory,
// reached by a Unix socket only.
type mariaDB struct {
	client, socket string
	databases      int
	last           string // the name of the database that was made last
}

// startMariaDB starts a server and ends it with the test.
func startMariaDB(t *testing.T) *mariaDB {
	t.Helper()
	daemon := servertest.Require(t, installMariaDB, "mariadbd", "/usr/sbin/mariadbd")
	install := servertest.Require(t, installMariaDB, "mariadb-install-db")
	client := servertest.Require(t, installMariaDB, "mariadb")
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: its name holds the test's, and a socket's path is short.
	dir, err := os.MkdirTemp("", "framegate-db-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	data := filepath.Join(dir, "data")
	out, err := exec.Command(install, "--no-defaults", "--datadir="+data, "--user="+me.Username,
		"--auth-root-authentication-method=normal", "--skip-test-db").CombinedOutput()
	if err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	server := &mariaDB{client: client, socket: filepath.Join(dir, "s")}
	cmd := exec.Command(daemon, "--no-defaults", "--datadir="+data, "--user="+me.Username, "--socket="+server.socket,
		"--skip-networking", "--pid-file="+filepath.Join(dir, "pid"), "--innodb-buffer-pool-size=16M",
		"--innodb-flush-log-at-trx-commit=0", "--character-set-server=latin1") // a poor default: the tables must say utf8mb4
	awaitReady(t, cmd)
	return server
}

// awaitReady starts the daemon, returns when its log says that it serves, and
// has the test's end stop it.
func awaitReady(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	ready := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(log)
		waiting := true
		for lines.Scan() {
			fmt.Fprintln(&text, lines.Text())
			if waiting && strings.Contains(lines.Text(), "ready for connections") {
				waiting = false
				close(ready)
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		stuck := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
		defer stuck.Stop()
		<-ended
		if err := cmd.Wait(); err != nil {
			t.Errorf("mariadbd: %v\n%s", err, text.String())
		}
	})
	select {
	case <-ready:
	case <-ended:
		t.Fatalf("mariadbd: ended early\n%s", text.String())
	case <-time.After(time.Minute):
		t.Fatal("mariadbd: not ready after a minute")
	}
}

// create makes an empty database and returns its STOCK_DB.
func (server *mariaDB) create(t *testing.T) string {
	t.Helper()
	server.databases++
	server.last = fmt.Sprintf("stock_%d", server.databases)
	server.sql(t, "", "CREATE DATABASE "+server.last)
	return "mysql://root@localhost/" + server.last + "?unix_socket=" + server.socket
}

func (server *mariaDB) sql(t *testing.T, database, statements string) {
	t.Helper()
	cmd := exec.Command(server.client, "--no-defaults", "--user=root", "--socket="+server.socket,
		"--default-character-set=utf8mb4", database)
	cmd.Stdin = strings.NewReader(statements)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mariadb: %v\n%s", err, out)
	}
}

// pythonWithPyMySQL finds an interpreter that has it: the distribution's own
// is often not the first on PATH.
func pythonWithPyMySQL(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		path, err := exec.LookPath(python)
		if err == nil && exec.Command(path, "-c", "import pymysql").Run() == nil {
			return path
		}
	}
	servertest.Missing(t, "PyMySQL is missing: "+installMariaDB)
	return ""
}
