package runner

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"framegate/server/internal/fastcgi"
	"framegate/server/internal/process"
)

// BenchmarkAddress is one exchange on a kept connection, with a server that
// costs as little as can be.
func BenchmarkAddress(b *testing.B) {
	path := filepath.Join(b.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answerAll(conn)
		}
	}()
	r, err := OpenAddress(AddressOptions{Addresses: []string{"unix:" + path}, Protocol: FastCGI})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	spec := &process.Spec{Again: true, Env: []string{"REQUEST_METHOD=GET", "SCRIPT_NAME=/x", "HTTP_ACCEPT=text/html,*/*;q=0.1"}}
	buf := make([]byte, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		run, err := r.Start(b.Context(), spec)
		if err != nil {
			b.Fatal(err)
		}
		run.Output().WhenBlocked(func() { run.Output().SetReadDeadline(time.Now().Add(time.Minute)) })
		for {
			_, err := run.Output().Read(buf)
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		run.Stop(0)
		run.Wait()
	}
}

// answerAll answers each request as soon as its last record has come.
func answerAll(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 64<<10)
	last := fastcgi.AppendRecord(nil, fastcgi.Stdin, 1, nil)
	for have := 0; ; {
		n, err := conn.Read(buf[have:])
		if err != nil {
			return
		}
		if have += n; !bytes.Equal(buf[have-8:have-6], last[:2]) || !bytes.Equal(buf[have-4:have], last[4:]) {
			continue
		}
		id := uint16(buf[have-5])
		answer := fastcgi.AppendRecord(nil, fastcgi.Stdout, id, []byte("Content-Type: text/plain\r\n\r\nhello"))
		conn.Write(fastcgi.AppendEnd(answer, id, 0, fastcgi.RequestComplete))
		have = 0
	}
}
