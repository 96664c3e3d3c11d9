package loop

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Pass gives the connection to net/http, with what was read of it and what was
// begun for that.
func (c *Conn) Pass(read []byte, kept any) {
	c.leave()
	l := c.l
	p := &Passed{Home: l, Head: append([]byte(nil), read...), Kept: kept, fd: c.fd}
	// HTTP/2's preface looks like a head.
	p.whole = kept != nil || wholeHead(read) && !bytes.HasPrefix(read, []byte("PRI "))
	c.dropBody(kept == nil) // what was kept reads from it
	l.mu.Lock()
	drained := l.drained
	if !drained {
		l.passed = append(l.passed, p)
		if p.whole {
			l.handed++
		}
	}
	l.mu.Unlock()
	if drained {
		p.drop()
		return
	}
	l.came.Broadcast()
}

// Taken is told when the request that Head is has got to whoever answers it, or
// never will.
func (p *Passed) Taken() {
	l := p.Home
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.whole {
		p.whole = false
		l.handed--
		l.came.Broadcast()
	}
}

// Take has a connection back that was passed, and is idle. It reports false,
// with fd closed, when the loop has ended.
func (l *Loop) Take(fd int, remote string) bool {
	c := &Conn{l: l, fd: fd, remote: remote}
	taken := l.Post(func() {
		if l.ln < 0 || l.watch(fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET, c, nil) != nil {
			unix.Close(fd) // it is as if it had been idle here
			return
		}
		l.idle.add(c, l.now)
	})
	if !taken {
		unix.Close(fd)
	}
	return taken
}

func (p *Passed) drop() {
	if d, ok := p.Kept.(Dropper); ok {
		d.Drop()
	}
	unix.Close(p.fd)
}

// Accept waits for the next connection that is not the loop's to serve: a
// *Passed.
func (l *Loop) Accept() (net.Conn, error) {
	for {
		l.mu.Lock()
		for len(l.passed) == 0 && !l.drained {
			l.came.Wait()
		}
		if len(l.passed) == 0 {
			l.mu.Unlock()
			return nil, net.ErrClosed
		}
		p := l.passed[0]
		l.passed[0] = nil
		l.passed = l.passed[1:]
		if l.drained {
			l.came.Broadcast() // Settle waits for the last
		}
		l.mu.Unlock()
		if p.open() == nil {
			return p, nil
		}
		if d, ok := p.Kept.(Dropper); ok {
			d.Drop() // the client has gone, most likely
		}
		p.Taken()
	}
}

// noRoom is how long a connection that was passed waits for a descriptor: net
// makes one of its own.
const noRoom = time.Second

func (p *Passed) open() error {
	f := os.NewFile(uintptr(p.fd), "client")
	defer f.Close()
	const often = 50
	var err error
	for range often {
		if p.Conn, err = net.FileConn(f); !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE) {
			break
		}
		time.Sleep(noRoom / often)
	}
	return err
}

// addrString is an address as net writes it, "" where it is not so simple.
func addrString(sa unix.Sockaddr) string {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		if a.ZoneId == 0 {
			return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port)).String()
		}
	}
	return ""
}

// Local is the address of the server's end.
func (c *Conn) Local() string {
	sa, err := unix.Getsockname(c.fd)
	if err != nil {
		return ""
	}
	return addrString(sa)
}
