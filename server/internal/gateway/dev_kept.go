package gateway

import (
	"context"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"

	"framegate/server/internal/capture"
)

// kept is a failed request that its page may have run again.
type kept struct {
	token   string        // who knows it has seen the page
	request *http.Request // without its body
	body    []byte
	program capture.Program
	safe    bool // the method changes nothing

	mu    sync.Mutex
	begun time.Time // when it was run last
	ended time.Time
	files stamps // as the page's last connection has seen them, nil before
}

// leave keeps what the files were like, for the page's next connection.
func (k *kept) leave(files stamps) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.files = files
}

// resume is what leave has kept.
func (k *kept) resume() stamps {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.files
}

// ran notes when the request was run last.
func (k *kept) ran(x *capture.Exchange) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.begun, k.ended = x.Time, time.Now()
}

func (k *kept) last() (begun, ended time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.begun, k.ended
}

// keptMost is how many requests are kept. Their bodies are no longer than
// spoolMemory each.
const keptMost = 20

// keptList holds the latest of them.
type keptList struct {
	mu   sync.Mutex
	list []*kept
}

func (l *keptList) add(k *kept) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) == keptMost {
		l.list = append(l.list[:0:0], l.list[1:]...)
	}
	l.list = append(l.list, k)
}

func (l *keptList) find(token string) *kept {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.list {
		if subtle.ConstantTimeCompare([]byte(k.token), []byte(token)) == 1 {
			return k
		}
	}
	return nil
}

// surroundings is a context with what a request's own one tells of its server,
// but without its end, and without its connection: that has a next request.
func surroundings(r *http.Request) context.Context {
	ctx := context.Background()
	for _, key := range []any{http.LocalAddrContextKey, serverContext{}} {
		if value := r.Context().Value(key); value != nil {
			ctx = context.WithValue(ctx, key, value)
		}
	}
	return ctx
}
