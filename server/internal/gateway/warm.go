package gateway

import (
	"os"

	"github.com/rs/zerolog"

	"framegate/server/internal/bridge"
	"framegate/server/internal/config"
	"framegate/server/internal/process"
	"framegate/server/internal/runner"
)

// openRunner picks how the frame's processes are had.
func (f *frame) openRunner(g *Gateway) error {
	f.sendsVars = f.bridge != nil && f.cfg.Mode == config.Worker
	f.readsFiles = f.sendsVars || f.cfg.Mode != config.Worker && len(f.cfg.Address) == 0 && f.cfg.Stdin != "scgi"
	r, err := f.runnerOf(g)
	if err == nil && f.watched {
		r, err = f.reload(g, r)
	}
	if err != nil {
		return f.failed(err)
	}
	f.runner = r
	return nil
}

func (f *frame) runnerOf(g *Gateway) (runner.Runner, error) {
	switch {
	case !f.cfg.Warm():
		return new(runner.Exec), nil
	case len(f.cfg.Address) > 0:
		return runner.OpenAddress(runner.AddressOptions{
			Addresses: f.cfg.Address, Protocol: f.cfg.Protocol, Note: f.noteTo(g.opts.Log),
		})
	case f.cfg.Mode == config.Fork:
		return runner.OpenFork(runner.ForkOptions{Standing: f.standing(g)})
	}
	return f.openWorkers(g)
}

func (f *frame) openWorkers(g *Gateway) (runner.Runner, error) {
	o := runner.WorkerOptions{
		Standing: f.standing(g), Protocol: f.cfg.Protocol,
		Min: f.cfg.MinWorkers, Max: f.cfg.MaxWorkers, Idle: f.cfg.WorkerIdle,
		MaxRequests: f.cfg.MaxRequests, MaxRSS: f.cfg.MaxRSS, CPUTime: f.cfg.CPUTime,
	}
	if f.bridge != nil {
		o.Protocol = runner.Bridge
		o.Spec.Env = g.standingEnv(f)
		return runner.OpenWorkers(o)
	}
	if f.sockets == "" { // else this is a later version, beside the first
		var err error
		if f.sockets, err = os.MkdirTemp(bridge.RuntimeDir(), "framegate-"); err != nil {
			return nil, err
		}
	}
	o.Sockets = f.sockets
	return runner.OpenWorkers(o)
}

// standing is the frame's process that outlives requests.
func (f *frame) standing(g *Gateway) runner.Standing {
	argv := f.program.argv
	if f.bridge != nil {
		argv = f.bridge.Standing
	}
	log, name := g.opts.Log, f.cfg.Name
	return runner.Standing{
		Spec: process.Spec{
			Path: f.program.path, Argv: argv, Env: f.env, Dir: f.dir,
			NoOutput: true, Confinement: f.confinement,
			StderrLine: func(line []byte) {
				log.WithLevel(stderrLevel(line)).Str("frame", name).Str("stream", "stderr").Msg(string(line))
			},
		},
		Grace: f.cfg.StopGrace,
		Ready: f.cfg.FirstByteTimeout,
		Note:  f.noteTo(log),
	}
}

// noteTo writes down what happens to the frame's processes between requests.
func (f *frame) noteTo(log zerolog.Logger) func(runner.Note) {
	name, mode := f.cfg.Name, f.cfg.Mode
	return func(n runner.Note) {
		e := log.Info()
		if n.Err != nil {
			e = log.Warn().Err(n.Err)
		}
		e.Str("frame", name).Str("mode", mode)
		if n.Pid != 0 {
			e.Int("pid", n.Pid)
		}
		e.Msg(n.What)
	}
}
