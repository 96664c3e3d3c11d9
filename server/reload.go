package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"framegate/server/internal/config"
	"framegate/server/internal/gateway"
	"framegate/server/internal/process"
)

// reloader puts a new gateway, made of the configuration as it is now, in the
// place of the one that serves. When it cannot be made, the old one serves on.
type reloader struct {
	site    *gateway.Site
	log     zerolog.Logger
	watcher process.Watcher
	first   *config.Config // what the listener was opened with
	open    func(context.Context) (*config.Config, *gateway.Gateway, error)

	mu sync.Mutex // one at a time
}

// reload returns once the next request is answered by what is new.
func (r *reloader) reload(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	begun := time.Now()
	cfg, g, err := r.open(ctx)
	if err != nil {
		for _, e := range explained(err) {
			log := r.log.Error().Str("error", strings.TrimSpace(e.text))
			if e.hint != "" {
				log.Str("hint", e.hint)
			}
			log.Msg("not reloaded: what was there before serves on")
		}
		return err
	}
	g.Watch(r.watcher)
	tell(r.log, cfg, g)
	for _, key := range r.fixed(cfg) {
		r.log.Warn().Str("key", key).Msg("changed, but takes effect when the server is started again")
	}
	r.site.Swap(g)
	r.log.Info().Float64("duration_ms", float64(time.Since(begun).Microseconds())/1000).Msg("reloaded")
	return nil
}

// fixed are the keys with another value than the listener was opened with,
// which a running server cannot change.
func (r *reloader) fixed(cfg *config.Config) []string {
	var keys []string
	note := func(key string, was, is any) {
		if !reflect.DeepEqual(was, is) {
			keys = append(keys, key)
		}
	}
	was, is := &r.first.HTTP, &cfg.HTTP
	note("listen", r.first.Listen, cfg.Listen)
	note("max-connections", was.MaxConnections, is.MaxConnections)
	note("header-timeout", was.HeaderTimeout, is.HeaderTimeout)
	note("keep-alive", was.KeepAlive, is.KeepAlive)
	note("max-header", was.MaxHeader, is.MaxHeader)
	note("max-url", was.MaxURL, is.MaxURL)
	note("max-fields", was.MaxFields, is.MaxFields)
	return keys
}

// onHangup reloads at each SIGHUP until the returned function is called.
func (r *reloader) onHangup(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	hangups := make(chan os.Signal, 1) // one that waits stands for all that follow it
	signal.Notify(hangups, syscall.SIGHUP)
	var reloading sync.WaitGroup
	reloading.Go(func() {
		for {
			select {
			case <-hangups:
				if err := r.reload(ctx); errors.Is(err, context.Canceled) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		signal.Stop(hangups)
		cancel()
		reloading.Wait()
	}
}
