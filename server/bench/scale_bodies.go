package main

import (
	"context"
	"fmt"
	"time"
)

const bodyTime = 1500 * time.Millisecond

const bodyConf = `
[[frame]]
name = "body"
mount = "/body"
command = ["DIR/cgi-bin/body"]

[[frame]]
name = "stream"
mount = "/stream"
command = ["DIR/cgi-bin/body"]
stream-body = true
`

// bodyKinds are the ways of a body; each path gets the body's size.
func bodyKinds() []struct {
	name, path string
	upload     bool
} {
	return []struct {
		name, path string
		upload     bool
	}{
		{"answer", "/body?%d", false},
		{"upload, spooled", "/body", true},
		{"upload, streamed", "/stream", true},
	}
}

// measureBodies moves ever larger bodies through a program, each with a
// gateway of its own: its peak is this size's.
func measureBodies(ctx context.Context, s *site) ([]scaleTable, error) {
	t := scaleTable{
		title: fmt.Sprintf("Bodies: ever larger ones through a program, one after the other, for %v at least; processor time is the gateway's own", bodyTime),
		head:  []string{"body", "size", "requests", "MiB/s", "gateway µs per request", "per MiB", "peak MiB"},
	}
	for _, kind := range bodyKinds() {
		for _, size := range []int64{kib, mib, 32 * mib, 1 << 30} {
			progress("bodies: %s of %s", kind.name, sizeName(size))
			row, err := s.moveBodies(ctx, kind.path, kind.upload, size)
			if err != nil {
				return []scaleTable{t}, fmt.Errorf("%s of %s: %w", kind.name, sizeName(size), err)
			}
			t.add(append([]string{kind.name, sizeName(size)}, row...)...)
		}
	}
	return []scaleTable{t}, nil
}

func (s *site) moveBodies(ctx context.Context, path string, upload bool, size int64) (row []string, err error) {
	r, err := s.startGateway(ctx, bodyConf)
	if err != nil {
		return nil, err
	}
	defer r.stop()
	up, url := size, r.url(path)
	if !upload {
		up, url = 0, r.url(fmt.Sprintf(path, size))
	}
	client := newClient(benchCase{connections: 1})
	defer client.CloseIdleConnections()
	buf := make([]byte, 256<<10)
	one := func() error {
		n, err := transfer(ctx, client, url, up, buf)
		if err == nil && n != size {
			err = fmt.Errorf("%d bytes of %d", n, size)
		}
		return err
	}
	if err := one(); err != nil { // to warm up: memory that was never touched costs more
		return nil, err
	}
	requests := 0
	before, _ := cpu(r.roots)
	begun := time.Now()
	for time.Since(begun) < bodyTime {
		if err := one(); err != nil {
			return nil, err
		}
		requests++
	}
	elapsed := time.Since(begun)
	after, _ := cpu(r.roots)
	moved := float64(requests) * float64(size) / mib
	own := float64((after - before).Microseconds())
	perMiB := "–"
	if size >= mib {
		perMiB = fmt.Sprintf("%.0f", own/moved)
	}
	return []string{fmt.Sprint(requests), fmt.Sprintf("%.1f", moved/elapsed.Seconds()), fmt.Sprintf("%.0f", own/float64(requests)), perMiB,
		fmt.Sprintf("%.0f", float64(r.peakKiB())/kib)}, nil
}

func sizeName(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= mib:
		return fmt.Sprintf("%d MiB", n/mib)
	}
	return fmt.Sprintf("%d KiB", n/kib)
}
