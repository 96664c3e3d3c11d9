package gateway

import (
	"net/http"
	"strings"

	"framegate/server/internal/cgi"
)

// routes finds the frame of a path. The cost of a look-up grows with the
// path's segments, not with the number of mounts and patterns.
type routes struct {
	prefixes map[string]*frame // by mount or scripts prefix
	patterns globs
}

// call is what a route hands to its frame.
type call struct {
	target cgi.Target
	script cgi.Script
	file   string // the program of a scripts frame, absolute
}

func newRoutes(frames []*frame) routes {
	rt := routes{prefixes: map[string]*frame{}}
	for _, f := range frames {
		switch {
		case f.cfg.Mount != "":
			rt.prefixes[f.cfg.Mount] = f
		case f.cfg.Scripts != "":
			rt.prefixes[f.cfg.Scripts] = f
		}
		for _, glob := range f.cfg.Match {
			rt.patterns.add(glob, f)
		}
	}
	return rt
}

// find returns the frame for target, or nil when none takes it: the longest
// prefix on a "/" boundary first, then the patterns.
func (rt *routes) find(target cgi.Target) (*frame, call, error) {
	for prefix := target.Path; len(rt.prefixes) > 0; {
		if f := rt.prefixes[prefix]; f != nil {
			if c, ok, err := f.take(target, prefix); ok || err != nil {
				return f, c, err
			}
		}
		if prefix == "/" {
			break
		}
		prefix = prefix[:strings.LastIndexByte(prefix, '/')]
		if prefix == "" {
			prefix = "/"
		}
	}
	if strings.HasSuffix(target.Path, "/") {
		target = target.WithPath(target.Path + "index.html")
	}
	if f := rt.patterns.find(target.Path); f != nil {
		return f, call{target: target, script: cgi.Script{PathInfo: target.Path}}, nil
	}
	return nil, call{}, nil
}

// take splits target at the frame's prefix.
func (f *frame) take(target cgi.Target, prefix string) (call, bool, error) {
	if f.cfg.Scripts == "" {
		script, ok := cgi.SplitMount(target, prefix)
		return call{target: target, script: script}, ok, nil
	}
	script, file, err := f.scripts.find(target, prefix)
	return call{target, script, file}, err == nil, err
}

// called is the call of a frame that was chosen by name: as at its own URLs,
// and elsewhere as if a pattern had led to it, or its scripts were at the root.
func (f *frame) called(target cgi.Target) (*frame, call, error) {
	prefix := f.cfg.Mount + f.cfg.Scripts // only one of them is given
	if prefix != "" {
		if c, ok, err := f.take(target, prefix); ok {
			return f, c, err
		}
	}
	if f.scripts != nil {
		c, _, err := f.take(target, "/")
		return f, c, err
	}
	return f, call{target: target, script: cgi.Script{PathInfo: target.Path}}, nil
}

var errNotFound = &failure{status: http.StatusNotFound, sentence: "There is nothing at this URL."}

// badTarget is the answer to a request target that cannot be served (§9.8:
// what leaves the root is 404).
func badTarget(err error) error {
	if err == cgi.ErrOutside {
		return &failure{status: http.StatusNotFound, sentence: errNotFound.sentence, cause: err}
	}
	return &failure{status: http.StatusBadRequest, sentence: "The URL is malformed: " + err.Error() + ".", cause: err}
}
