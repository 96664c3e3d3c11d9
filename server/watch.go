package main

import (
	"context"
	"os"
	"sync"

	"github.com/rs/zerolog"

	"framegate/server/internal/guardian"
	"framegate/server/internal/process"
)

// watch starts who looks after process groups: the guardian, which kills them
// should this program die, and, for PID 1 of a container, the reaper of the
// orphans that it inherits. Without a guardian serving goes on, with a warning:
// a frame's leader still dies with the gateway.
func watch(ctx context.Context, log zerolog.Logger) (w process.Watcher, stop func()) {
	g, err := guardian.Start()
	if err != nil {
		log.Warn().Err(err).Msg("should the gateway be killed, descendants of frames may live on")
	} else {
		w = g
		go warnOfLoss(g, log)
	}
	if os.Getpid() != 1 {
		return w, func() { closeGuardian(g, log) }
	}
	orphans := &process.Orphans{Next: w}
	ctx, cancel := context.WithCancel(ctx)
	var reaping sync.WaitGroup
	reaping.Go(func() { orphans.Reap(ctx) })
	return orphans, func() {
		cancel()
		reaping.Wait()
		closeGuardian(g, log)
	}
}

// warnOfLoss tells that the guardian has ended before this program has, by
// an operator's hand or the kernel's. It ends with the guardian.
func warnOfLoss(g *guardian.Guardian, log zerolog.Logger) {
	<-g.Done()
	if !g.Closing() {
		log.Warn().Int("pid", g.Pid()).Msg("the guardian has ended: should the gateway be killed, descendants of frames may live on")
	}
}

func closeGuardian(g *guardian.Guardian, log zerolog.Logger) {
	if g == nil {
		return
	}
	if err := g.Close(); err != nil {
		log.Warn().Err(err).Msg("stop the guardian")
	}
}
