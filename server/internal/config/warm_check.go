package config

import "slices"

// checkWarm holds the keys of the warm modes against a frame's mode, against
// what it runs and against one another, and fills in what hangs on them.
// shared is [defaults]: what it says for modes that a frame is not in means
// nothing to that frame; what the frame's own table says is a mistake then.
func (d *decoder) checkWarm(t, shared *table, f *Frame) {
	elsewhere := len(f.Address) > 0
	d.checkMode(t, f, elsewhere)
	d.checkWarmKeys(t, f, elsewhere)
	own := f.Mode == Worker && !elsewhere
	if own {
		d.completeWorkers(t, shared, f)
	} else {
		f.MinWorkers, f.MaxWorkers, f.WorkerIdle, f.MaxRequests, f.MaxRSS = 0, 0, 0, 0, 0
	}
	if !f.Warm() || f.App == "" {
		f.WarmUp = ""
	}
	if f.Mode != Fork {
		f.PostFork = ""
	}
	if f.Mode != Worker || f.App != "" {
		f.Protocol = ""
	} else if f.Protocol == "" {
		f.Protocol = "scgi"
	}
	if !f.Warm() || elsewhere {
		f.Watch = nil
	}
	if f.Warm() {
		f.Stdin = "body" // the environ comes with it in any case
	}
}

// checkMode finds frames that cannot be had in their mode.
func (d *decoder) checkMode(t *table, f *Frame, elsewhere bool) {
	n := t.get("mode")
	if n == nil || !f.Warm() || elsewhere {
		return
	}
	switch {
	case t.get("scripts") != nil && f.Mode == Worker && f.Command != nil:
		// One program runs them all; checkScriptsProgram has looked at the rest.
	case t.get("scripts") != nil:
		d.failf(n, `leave it "exec", or say in mode "worker" what runs them: command = ["php-cgi"] with protocol = "fastcgi", or address = "unix:/run/php/php-fpm.sock"`,
			"%q can't be had for scripts: they are as many programs as files", f.Mode)
	case f.Mode == Fork && f.App == "" && t.get("command") != nil:
		d.failf(n, `mode = "worker" keeps a program, if it speaks SCGI (docs/modes.md)`,
			`"fork" is for app frames: only a bridge can load an app once and fork it`)
	}
}

// checkWarmKeys finds keys of the frame's own table that would do nothing.
func (d *decoder) checkWarmKeys(t *table, f *Frame, elsewhere bool) {
	needs := func(ok bool, why, hint string, keys ...string) {
		for _, key := range keys {
			if n := t.get(key); n != nil && !ok {
				d.failf(n, hint, "%s", why)
			}
		}
	}
	own := []string{"workers", "min-workers", "max-workers", "worker-idle", "max-requests", "max-rss"}
	if elsewhere {
		d.checkAddress(t, f)
		needs(false, "the processes at address are not the gateway's: whoever starts them says how many there are", "", own...)
		needs(false, "the processes at address are not the gateway's: it does not know their sources", "", "watch")
	} else {
		needs(f.Mode == Worker, `is for mode = "worker"`, `write mode = "worker" as well`, own...)
		needs(f.App == "", "is for command and address: a bridge has a protocol of its own", "", "protocol")
		needs(f.Mode == Worker || f.App != "", `is for mode = "worker"`, `write mode = "worker" as well`, "protocol")
		needs(f.Warm(), `is for the modes "fork" and "worker": in mode "exec" every request sees the sources as they are`, "", "watch")
		needs(f.Mode != Worker, "in this mode as many exchanges run at once as there are workers", "write workers = N; max-queue says how many more requests may wait", "max-concurrent")
	}
	needs(f.Mode == Fork && f.App != "", `is for mode = "fork"`, "", "post-fork")
	needs(f.Warm() && f.App != "", `is for apps in the modes "fork" and "worker"`, "", "warm-up")
	if n := t.get("stdin"); n != nil && f.Warm() && f.Stdin == "scgi" {
		d.failf(n, "take the line out", `"scgi" is for mode = "exec": a warm frame is given the environ on its connection in any case`)
	}
	if n := t.get("workers"); n != nil {
		if twice := t.get("max-workers"); twice != nil {
			d.failf(twice, "min-workers and max-workers are a range, workers is both at once", "stands beside workers on line %d, which says the same", n.line)
		}
	}
}

// checkAddress wants nothing in the frame that is about a process of ours.
func (d *decoder) checkAddress(t *table, f *Frame) {
	if n := t.get("address"); f.Mode != Worker {
		d.failf(n, `write mode = "worker" as well`, `what runs at an address outlives a request, so the mode is "worker"`)
	}
	for _, key := range []string{"app", "command", "interpreters", "interpreter", "module-path", "path-info", "bridge"} {
		if n := t.get(key); n != nil && (f.Scripts == "" || key == "interpreters") {
			d.failf(n, "take one of them out", "stands beside address: what runs there is started by somebody else")
		}
	}
	for _, limit := range d.limitKeys(&Settings{}) {
		if slices.Contains([]string{"max-response-buffer", "max-output"}, limit.name) {
			continue // about the answer
		}
		if n := t.get(limit.name); n != nil {
			d.failf(n, "", "the processes at address are not the gateway's: whoever starts them bounds them")
		}
	}
}

// completeWorkers brings the bounds of the frame's own table and of [defaults]
// together. What a frame says of one bound leaves the other.
func (d *decoder) completeWorkers(t, shared *table, f *Frame) {
	said := func(key string) bool { return t.get(key) != nil || t.get("workers") == nil && shared.get(key) != nil }
	all := t.get("workers") != nil || shared.get("workers") != nil
	switch {
	case f.MaxWorkers == 0 && said("min-workers"):
		f.MaxWorkers = max(defaultWorkers(), f.MinWorkers)
	case f.MaxWorkers == 0:
		f.MinWorkers, f.MaxWorkers = defaultWorkers(), defaultWorkers()
	case !all && !said("min-workers"):
		f.MinWorkers = min(1, f.MaxWorkers)
	}
	if n := t.get("max-workers"); n != nil && f.MinWorkers > f.MaxWorkers && t.get("min-workers") == nil {
		f.MinWorkers = f.MaxWorkers // [defaults] had more
	}
	if n := t.get("min-workers"); n != nil && f.MinWorkers > f.MaxWorkers {
		d.failf(n, "", "%d is more than there may be at the most, %d", f.MinWorkers, f.MaxWorkers)
	}
	if f.MinWorkers == f.MaxWorkers {
		if n := t.get("worker-idle"); n != nil {
			d.failf(n, "min-workers = 1 keeps one when there is nothing to do", "no worker ever ends for being idle: there are always %d", f.MinWorkers)
		}
		f.WorkerIdle = 0
	} else if f.WorkerIdle == 0 && !said("worker-idle") {
		f.WorkerIdle = defaultWorkerIdle
	}
	f.MaxConcurrent = f.MaxWorkers
}
