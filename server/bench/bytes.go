package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// loadBytes moves large bodies and counts megabytes a second: of the answers,
// or of the requests where the case uploads.
func loadBytes(ctx context.Context, _ *site, srv *server, url string, c benchCase, d time.Duration) (sample, error) {
	m := &mover{client: newClient(c), url: url, upload: c.upload}
	defer m.client.CloseIdleConnections()
	serverBefore, childrenBefore := cpu(srv.roots)
	if err := m.run(ctx, c.connections, d); err != nil {
		return sample{}, err
	}
	server, children := cpu(srv.roots)
	megabytes := float64(m.moved) / 1e6
	if megabytes == 0 {
		return sample{}, fmt.Errorf("nothing was moved within %v", d)
	}
	milliseconds := column(m.took, func(d time.Duration) float64 { return d.Seconds() * 1000 })
	return sample{
		Rate: megabytes / m.elapsed.Seconds(), Requests: len(m.took),
		P50: quantile(milliseconds, 0.5), P99: quantile(milliseconds, 0.99),
		Server:   float64((server - serverBefore).Microseconds()) / megabytes,
		Children: float64((children - childrenBefore).Microseconds()) / megabytes,
	}, nil
}

// newClient keeps a connection for each of the case's.
func newClient(c benchCase) *http.Client {
	t := &http.Transport{MaxIdleConnsPerHost: c.connections, DisableCompression: true, WriteBufferSize: 64 << 10}
	if c.h2 {
		t.Protocols = new(http.Protocols)
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	return &http.Client{Transport: t}
}

// mover asks again and again, over several connections.
type mover struct {
	client *http.Client
	url    string
	upload int64

	mu      sync.Mutex
	moved   int64
	took    []time.Duration // each request that came to its end
	elapsed time.Duration
	failed  error
}

// run moves for as long as d. What is on its way down then is cut, and counts
// as far as it has come; an upload is waited for.
func (m *mover) run(ctx context.Context, connections int, d time.Duration) error {
	begun := time.Now()
	cut := ctx
	if m.upload == 0 {
		var cancel context.CancelFunc
		cut, cancel = context.WithDeadline(ctx, begun.Add(d))
		defer cancel()
	}
	var clients sync.WaitGroup
	for range connections {
		clients.Go(func() {
			buf := make([]byte, 256<<10)
			for time.Since(begun) < d && ctx.Err() == nil && m.one(cut, buf) {
			}
		})
	}
	clients.Wait()
	m.elapsed = time.Since(begun)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return m.failed
}

// one makes one request and says whether another may follow.
func (m *mover) one(ctx context.Context, buf []byte) bool {
	begun := time.Now()
	n, err := transfer(ctx, m.client, m.url, m.upload, buf)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err == nil:
		m.moved += n
		m.took = append(m.took, time.Since(begun))
	case ctx.Err() != nil:
		m.moved += n
	default:
		m.failed = err
	}
	return err == nil
}

// transfer is one request; it answers how many bytes of the body that counts
// have passed, also of one that failed.
func transfer(ctx context.Context, client *http.Client, url string, upload int64, buf []byte) (int64, error) {
	response, err := ask(ctx, client, url, upload)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, response.Body, buf)
	switch {
	case response.StatusCode != http.StatusOK:
		return 0, fmt.Errorf("%s: status %s", url, response.Status)
	case upload > 0 && err == nil:
		return upload, nil
	case upload > 0:
		return 0, err
	case err == nil && response.ContentLength >= 0 && n != response.ContentLength:
		return n, fmt.Errorf("%s: %d bytes of %d", url, n, response.ContentLength)
	}
	return n, err
}

func ask(ctx context.Context, client *http.Client, url string, upload int64) (*http.Response, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if upload > 0 {
		method, body = http.MethodPost, io.LimitReader(zeros{}, upload)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	if upload > 0 {
		r.ContentLength = upload
	}
	return client.Do(r)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
