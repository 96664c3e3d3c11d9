package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"
)

const startTimeout = time.Minute

// ready waits until the server gives the case's right answer, to the last
// byte, and says whether it keeps connections.
func (srv *server) ready(ctx context.Context, url string, c benchCase) (kept bool, err error) {
	client := newClient(c)
	client.Timeout = 10 * time.Second
	defer client.CloseIdleConnections()
	deadline := time.Now().Add(startTimeout)
	for {
		err := verify(ctx, client, url, c)
		switch {
		case err == nil:
			return keeps(ctx, client, url, c)
		case ctx.Err() != nil:
			return false, ctx.Err()
		case time.Now().After(deadline):
			return false, fmt.Errorf("not ready: %w: %s", err, bytes.TrimSpace(srv.said()))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// verify makes one request and compares the answer with what the case is to
// have: who answers wrongly may well be fast.
func verify(ctx context.Context, client *http.Client, url string, c benchCase) error {
	response, err := ask(ctx, client, url, c.upload)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %s", url, response.Status)
	}
	if c.zeros > 0 {
		return onlyZeros(response.Body, c.zeros)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && string(body) != c.answer {
		err = fmt.Errorf("%s: got %.100q; want %q", url, body, c.answer)
	}
	return err
}

func onlyZeros(r io.Reader, want int64) error {
	buf, none := make([]byte, 256<<10), make([]byte, 256<<10)
	for n := int64(0); ; {
		k, err := r.Read(buf)
		if n += int64(k); !bytes.Equal(buf[:k], none[:k]) {
			return fmt.Errorf("the body is not all zeros before byte %d", n)
		}
		switch {
		case err == io.EOF && n == want:
			return nil
		case err == io.EOF:
			return fmt.Errorf("got a body of %d bytes; want %d", n, want)
		case err != nil:
			return err
		}
	}
}

// keeps says whether the second of two requests went over the first one's
// connection.
func keeps(ctx context.Context, client *http.Client, url string, c benchCase) (kept bool, err error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { kept = i.Reused }})
	for range 2 {
		if err := verify(ctx, client, url, c); err != nil {
			return false, err
		}
	}
	return kept, nil
}
