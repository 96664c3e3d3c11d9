package gateway

import (
	"github.com/rs/zerolog"

	"framegate/server/internal/config"
	"framegate/server/internal/process"
	"framegate/server/internal/runner"
)

// openRunner picks how the frame's processes are had.
func (f *frame) openRunner(log zerolog.Logger) error {
	r, err := f.runnerOf(log)
	if err != nil {
		return f.failed(err)
	}
	f.runner = r
	return nil
}

func (f *frame) runnerOf(log zerolog.Logger) (runner.Runner, error) {
	note := f.noteTo(log)
	switch {
	case !f.cfg.Warm():
		return runner.Exec{}, nil
	case len(f.cfg.Address) > 0:
		return runner.OpenAddress(runner.AddressOptions{Addresses: f.cfg.Address, Protocol: f.cfg.Protocol, Note: note})
	}
	standing := f.standing(log, note)
	if f.cfg.Mode == config.Fork {
		return runner.OpenFork(runner.ForkOptions{Standing: standing})
	}
	protocol := f.cfg.Protocol
	if f.bridge != nil {
		protocol = runner.Bridge
	}
	return runner.OpenWorkers(runner.WorkerOptions{
		Standing: standing, Protocol: protocol,
		Min: f.cfg.MinWorkers, Max: f.cfg.MaxWorkers, Idle: f.cfg.WorkerIdle,
		MaxRequests: f.cfg.MaxRequests, MaxRSS: f.cfg.MaxRSS,
	})
}

// standing is the frame's process that outlives requests.
func (f *frame) standing(log zerolog.Logger, note func(runner.Note)) runner.Standing {
	argv := f.program.argv
	if f.bridge != nil {
		argv = f.bridge.Standing
	}
	name := f.cfg.Name
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
		Note:  note,
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
