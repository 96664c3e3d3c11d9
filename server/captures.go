package main

import (
	"fmt"
	"path/filepath"
	"reflect"
	"sync"

	"github.com/rs/zerolog"

	"framegate/server/internal/capture"
	"framegate/server/internal/config"
)

// captures are the rings of a server: one for each [capture] table that it has
// had since its start. Exchanges that began under an older one end in its ring.
type captures struct {
	log zerolog.Logger

	mu    sync.Mutex
	rings []*capture.Ring
	last  config.Capture // what the last ring was opened with
}

// watchers are those that cfg wants.
func (c *captures) watchers(cfg *config.Config) ([]capture.Watcher, error) {
	want := cfg.Capture
	if want.On == "off" && want.Secret == "" {
		return nil, nil
	}
	if err := checkCaptures(cfg); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rings) > 0 && reflect.DeepEqual(want, c.last) {
		return []capture.Watcher{c.rings[len(c.rings)-1]}, nil
	}
	ring, err := capture.OpenRing(want.Path, c.options(&want))
	if err != nil {
		return nil, err
	}
	c.rings, c.last = append(c.rings, ring), want
	return []capture.Watcher{ring}, nil
}

// checkCaptures says why captures cannot be kept where cfg wants them.
func checkCaptures(cfg *config.Config) error {
	want := &cfg.Capture
	if want.On == "off" && want.Secret == "" {
		return nil
	}
	if place := cfg.ServedPlace(want.Path); place != "" {
		return &hintedError{err: fmt.Errorf("captures: %s lies in %s, where clients could get at them", want.Path, place),
			hint: "write another path into [capture]"}
	}
	if err := capture.CheckDir(want.Path); err != nil {
		return &hintedError{err: err, hint: "path in [capture] names a directory; it need not exist"}
	}
	return nil
}

func (c *captures) options(want *config.Capture) capture.RingOptions {
	return capture.RingOptions{
		Interest: map[string]capture.Interest{"failure": capture.Failures, "all": capture.Everything}[want.On],
		MaxCount: want.MaxCount, MaxBytes: want.MaxBytes,
		Write: capture.WriteOptions{Redact: want.Redact, Reveal: want.Reveal, MaxBody: want.MaxBody},
		Written: func(x *capture.Exchange, file string) {
			c.log.Info().Str("request_id", x.ID).Str("frame", x.Frame).Str("file", file).Msg("captured")
		},
		Losing: func(err error) { c.log.Warn().Err(err).Msg("captures are being lost") },
		Lost:   func(n int) { c.log.Warn().Int("lost", n).Msg("captures were lost") },
	}
}

// close waits for what is still to be written.
func (c *captures) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ring := range c.rings {
		ring.Close()
	}
}

// captureFailures is what --dev does for who has written no [capture] table.
func captureFailures(cfg *config.Config) {
	if cfg.Capture.Given {
		return
	}
	if place := cfg.ServedPlace(cfg.Capture.Path); place != "" {
		cfg.Warnings = append(cfg.Warnings, fmt.Sprintf("failures are not captured: %s would lie in %s, where clients could get at it (path in [capture] names another place)",
			filepath.Base(cfg.Capture.Path)+"/", place))
		return
	}
	cfg.Capture.On = "failure"
}
