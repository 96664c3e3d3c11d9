package gateway

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"framegate/server/internal/config"
	"framegate/server/internal/process"
	"framegate/server/internal/runner"
	"framegate/server/internal/watch"
)

// watches reports whether the frame's sources are watched: its processes
// outlive a request, and would answer with what they were when they began.
func (f *frame) watches(g *Gateway) bool {
	if !f.cfg.Warm() || len(f.cfg.Address) > 0 {
		return false
	}
	if f.cfg.Watch != nil {
		return *f.cfg.Watch
	}
	return g.opts.Dev
}

// reloading is a runner that is replaced when a source has changed.
type reloading struct {
	*runner.Reloading
	tree *watch.Tree
}

func (r *reloading) Close() error {
	err := r.tree.Close()
	if cerr := r.Reloading.Close(); cerr != nil {
		return cerr
	}
	return err
}

// reload has f's processes, which first has, replaced when a source changes.
func (f *frame) reload(g *Gateway, first runner.Runner) (runner.Runner, error) {
	log := g.opts.Log.With().Str("frame", f.cfg.Name).Str("mode", f.cfg.Mode).Logger()
	r := &reloading{Reloading: &runner.Reloading{
		Open:     func(ctx context.Context, w process.Watcher) (runner.Runner, error) { return f.openNext(ctx, g, w) },
		KeepGood: !g.opts.Dev,
		Told: func(err error, took time.Duration) {
			switch {
			case err == nil:
				log.Info().Float64("duration_ms", ms(took)).Msg("a source has changed: reloaded")
			case g.opts.Dev:
				log.Error().Err(err).Msg("a source has changed, and cannot be loaded")
			default:
				log.Error().Err(err).Msg("a source has changed, and cannot be loaded: the last good version serves on")
			}
		},
	}}
	r.Use(first)
	var err error
	r.tree, err = watch.Open(f.sources(g), []string{g.cfg.Capture.Path, g.cfg.Static.Path}, func(string) { r.Changed() })
	if err != nil {
		first.Close()
		return nil, err
	}
	if r.tree.Partial {
		f.note("not all sources are watched: there are too many directories")
	}
	return r, nil
}

// openNext loads what is on disk now.
func (f *frame) openNext(ctx context.Context, g *Gateway, w process.Watcher) (runner.Runner, error) {
	next, err := f.runnerOf(g)
	if err != nil {
		return nil, err
	}
	next.Warm(w)
	if a, ok := next.(runner.Awaiter); ok {
		if err := a.Await(ctx); err != nil {
			next.Close()
			return nil, err
		}
	}
	return next, nil
}

// Ready starts the processes that are there ahead of requests, and waits until
// each frame has one that would answer at once. A frame that was scaled to zero
// waits for its first request, and one with a problem is told of by Problems.
func (g *Gateway) Ready(ctx context.Context) []error {
	g.warm()
	var errs []error
	for _, f := range g.frames {
		a, ok := f.runner.(runner.Awaiter)
		if !ok || len(f.problems) > 0 || f.cfg.Mode == config.Worker && f.cfg.MinWorkers == 0 {
			continue
		}
		if err := a.Await(ctx); err != nil {
			errs = append(errs, f.failed(err))
		}
	}
	return errs
}

// sources are the directories that hold what the frame is made of.
func (f *frame) sources(g *Gateway) []string {
	dirs := []string{f.dir}
	add := func(dir string) {
		if dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	if f.bridge == nil {
		if within(g.cfg.Dir, f.program.path) {
			add(filepath.Dir(f.program.path))
		}
		for _, arg := range f.program.argv[1:] {
			// python3 app/frame.py: what it is told to run, and what is beside it
			if watch.IsSource(arg) {
				if !filepath.IsAbs(arg) {
					arg = filepath.Join(f.dir, arg)
				}
				add(filepath.Dir(arg))
			}
		}
		return dirs
	}
	add(g.cfg.Dynamic.Path)
	for _, dir := range f.cfg.ModulePath {
		add(dir)
	}
	return dirs
}

func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
