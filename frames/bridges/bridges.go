// Package bridges holds the adapters that host a language's own interface as a
// frame. They are embedded so that the one binary is the whole installation.
package bridges

import "embed"

// WSGI is the source of wsgi.py, which hosts a Python WSGI application as a
// CGI/1.1 program. It may be run as it is or compiled to a .pyc; its usage is
// in its first lines.
//
//go:embed wsgi.py
var WSGI string

// WSGISite is the source of wsgi_site.py, which wsgi.py imports from its own
// directory when it is asked what Python's module site has done.
//
//go:embed wsgi_site.py
var WSGISite string

// WSGIWarm are the files that wsgi.py imports from its own directory, source
// or compiled, in the modes that keep an application loaded, and to measure
// what that would save.
//
//go:embed wsgi_warm.py wsgi_worker.py wsgi_fork.py wsgi_settle.py wsgi_shared.py wsgi_measure.py
var WSGIWarm embed.FS
