package cgi

import (
	"errors"
	"strings"
)

// Script is the script part of a target and what is left of it: §3.3's
// scheme://server/SCRIPT_NAME PATH_INFO?QUERY_STRING.
type Script struct {
	Name     string // SCRIPT_NAME, "" or "/…", without a trailing slash
	PathInfo string // "" or "/…"
	File     string // for a directory of scripts: the file below it, "a/b.cgi"
}

// SplitMount splits a target at a mount prefix ("/shop", or "/" for the
// root). It reports false when the target is not below it; the prefix ends on
// a "/" boundary, so "/shop" does not take "/shopping". A prefix that was
// reached through an encoded slash does not match (§4.1.5).
func SplitMount(t Target, prefix string) (Script, bool) {
	if prefix == "/" {
		return Script{PathInfo: t.Path}, true
	}
	rest, ok := strings.CutPrefix(t.Path, prefix)
	if !ok || (rest != "" && rest[0] != '/') {
		return Script{}, false
	}
	if !t.LiteralPrefix(len(prefix)) || (rest != "" && !t.LiteralPrefix(len(prefix)+1)) {
		return Script{}, false
	}
	return Script{Name: prefix, PathInfo: rest}, true
}

// FileKind is what a lookup of a name below a directory of scripts found.
type FileKind int

// What can stand at a name.
const (
	NoFile FileKind = iota
	Directory
	RegularFile
	OtherFile // a device, a socket, a FIFO
)

// ErrNoScript: the walk met no script.
var ErrNoScript = errors.New("no such script")

// SplitScripts finds the script in a target below prefix by walking its path:
// the first segment that names a regular file is the script, what follows is
// PATH_INFO. lookup is asked for "a", "a/b", … and for nothing that begins
// with a dot or holds an encoded slash, so an upload of that name never runs.
func SplitScripts(t Target, prefix string, lookup func(name string) (FileKind, error)) (Script, error) {
	at, ok := SplitMount(t, prefix)
	if !ok {
		return Script{}, ErrNoScript
	}
	base := len(at.Name)
	path := at.PathInfo
	for start := 1; start < len(path); {
		end := strings.IndexByte(path[start:], '/')
		if end < 0 {
			end = len(path)
		} else {
			end += start
		}
		segment := path[start:end]
		if segment == "" || segment[0] == '.' || !t.LiteralPrefix(min(base+end+1, len(t.Path))) {
			return Script{}, ErrNoScript
		}
		kind, err := lookup(path[1:end])
		if err != nil {
			return Script{}, err
		}
		switch kind {
		case RegularFile:
			return Script{Name: at.Name + path[:end], PathInfo: path[end:], File: path[1:end]}, nil
		case Directory:
			start = end + 1
		default:
			return Script{}, ErrNoScript
		}
	}
	return Script{}, ErrNoScript
}
