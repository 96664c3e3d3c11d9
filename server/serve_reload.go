package main

import (
	"context"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"framegate/server/internal/config"
	"framegate/server/internal/follow"
	"framegate/server/internal/gateway"
	"framegate/server/internal/process"
)

// reloader puts a new gateway, made of the configuration as it is now, in the
// place of the one that serves. When it cannot be made, or cannot answer, the
// old one serves on.
type reloader struct {
	site    *gateway.Site
	log     zerolog.Logger
	watcher process.Watcher
	first   *config.Config // what the listener was opened with
	lenient bool           // under --dev an app may be mended while it is served
	open    func(context.Context) (*config.Config, *gateway.Gateway, error)

	mu sync.Mutex // one at a time
}

const notReloaded = "not reloaded: what was there before serves on"

// reload returns once the next request is answered by what is new, without
// having to wait for a process to be loaded.
func (r *reloader) reload(ctx context.Context) follow.Reloaded {
	r.mu.Lock()
	defer r.mu.Unlock()
	begun := time.Now()
	cfg, g, errs := r.next(ctx)
	if len(errs) > 0 {
		return follow.Reloaded{Errors: r.refuse(errs)}
	}
	tell(r.log, cfg, g)
	done := follow.Reloaded{Warnings: slices.Clone(cfg.Warnings)}
	for _, problem := range g.Problems() {
		done.Warnings = append(done.Warnings, "a frame cannot answer: "+problem.Error())
	}
	for _, key := range r.fixed(cfg) {
		const late = "takes effect when the server is started again"
		r.log.Warn().Str("key", key).Msg("changed, but " + late)
		done.Warnings = append(done.Warnings, key+" has changed, but "+late)
	}
	r.site.Swap(g)
	done.Took = time.Since(begun)
	r.log.Info().Float64("duration_ms", float64(done.Took.Microseconds())/1000).Msg("reloaded")
	return done
}

// next makes the gateway that is to serve.
func (r *reloader) next(ctx context.Context) (*config.Config, *gateway.Gateway, []error) {
	cfg, g, err := r.open(ctx)
	if err != nil {
		return nil, nil, []error{err}
	}
	g.Watch(r.watcher)
	if errs := g.Ready(ctx); len(errs) > 0 && !r.lenient {
		g.Close()
		return nil, nil, errs
	}
	return cfg, g, nil
}

// refuse writes down why everything is as it was.
func (r *reloader) refuse(errs []error) []follow.Mistake {
	var mistakes []follow.Mistake
	for _, err := range errs {
		for _, e := range explained(err) {
			text := strings.TrimSpace(e.text)
			log := r.log.Error().Str("error", text)
			if e.hint != "" {
				log.Str("hint", e.hint)
			}
			log.Msg(notReloaded)
			mistakes = append(mistakes, follow.Mistake{Text: text, Hint: e.hint})
		}
	}
	return mistakes
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
				r.reload(ctx)
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
