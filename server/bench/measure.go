package main

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
)

// entry is a contestant that runs.
type entry struct {
	server *server // nil for the physical limit
	url    string
	result contestantResult
}

// measure starts the contestants of one case and asks them by turns. One that
// fails leaves the race, and the others go on.
func (o *options) measure(ctx context.Context, site *site, c benchCase) (*caseResult, error) {
	var entries []*entry
	defer func() {
		for _, e := range entries {
			e.server.stop()
		}
	}()
	for _, name := range c.contestants {
		if name != us && !o.among.MatchString(name) {
			continue
		}
		e := &entry{result: contestantResult{Name: name}}
		entries = append(entries, e)
		progress("%s  starting %s", c.name, name)
		e.fail(e.start(ctx, site, c, o))
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	for round := range o.rounds {
		for i := range entries {
			// Nobody is always the first, or behind the same one.
			e := entries[(i+round)%len(entries)]
			if e.result.Error != "" {
				continue
			}
			progress("%s  round %d of %d: %s", c.name, round+1, o.rounds, e.result.Name)
			s, err := c.load(ctx, site, e.server, e.url, c, max(o.seconds, c.least))
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err == nil {
				err = s.check(e.result.Name)
			}
			e.result.Samples = append(e.result.Samples, s)
			e.fail(err)
		}
	}
	result := &caseResult{Name: c.name, What: c.what, Unit: c.unit, Connections: c.connections, Headline: c.quick}
	for _, e := range entries {
		e.result.PeakKiB = e.server.peakKiB()
		e.result.sum()
		result.Contestants = append(result.Contestants, e.result)
	}
	result.compare()
	return result, nil
}

// start has the contestant answer rightly, and warms it up.
func (e *entry) start(ctx context.Context, site *site, c benchCase, o *options) error {
	var err error
	if e.server, e.url, err = site.start(e.result.Name, c); err != nil {
		return err
	}
	if e.server != nil {
		if e.result.Kept, err = e.server.ready(ctx, e.url, c); err != nil {
			return err
		}
	}
	_, err = c.load(ctx, site, e.server, e.url, c, max(o.seconds/3, c.least/2))
	return err
}

// fail takes a contestant out of the race.
func (e *entry) fail(err error) {
	if err == nil {
		return
	}
	e.result.Error = err.Error()
	if errors.Is(err, exec.ErrNotFound) {
		e.result.Error, e.result.Absent = "not installed", true
	}
	e.server.stop()
	e.server = nil
	progress("%s: %s", e.result.Name, e.result.Error)
}

// failures is how many contestants did not run a race that they had entered.
func (r *report) failures() (n int) {
	for _, c := range r.Cases {
		for _, x := range c.Contestants {
			if x.Error != "" && !x.Absent {
				n++
			}
		}
	}
	return n
}

var versionNumber = regexp.MustCompile(`\d+\.\d+(\.\d+)?`)

// versions asks the contestants who they are, the Python that runs the apps
// and not the first on the path.
func versions(ctx context.Context, python string) map[string]string {
	found := map[string]string{}
	for name, argv := range map[string][]string{
		"nginx": {"nginx", "-v"}, "lighttpd": {"lighttpd", "-v"}, "apache": {"apache2", "-v"}, "uwsgi": {"uwsgi", "--version"},
		"python": {python, "--version"}, "gunicorn": {python, "-m", "gunicorn", "--version"}, "busybox": {"busybox", "--help"}, "gcc": {"gcc", "--version"},
	} {
		if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err == nil {
			if v := versionNumber.FindString(string(out)); v != "" {
				found[name] = v
			}
		}
	}
	return found
}
