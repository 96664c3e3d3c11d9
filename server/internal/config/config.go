// Package config turns gateway.toml into a validated value. Defaults live in
// one place (defaults.go), mistakes are told with file and line.
package config

import (
	"net/netip"
	"time"
)

// Config is a whole gateway.toml after defaults and validation: every path in
// it is absolute, every size is in bytes, every frame is complete.
type Config struct {
	File string // the file it was read from, absolute; "" when there is none
	Dir  string // what relative paths are relative to: the file's directory, absolute

	Listen          string        // "HOST:PORT" or "unix:PATH"
	ServerName      string        // SERVER_NAME; "" takes it from a validated Host
	ShutdownTimeout time.Duration // how long running exchanges may finish after SIGTERM

	HTTP    HTTP
	Static  Static
	Dynamic Dynamic
	Capture Capture
	Frames  []Frame // in file order

	// Warnings are accepted keys that do less than their reader may expect,
	// each "FILE:LINE: text".
	Warnings []string
}

// HTTP bounds what clients may ask of the server, and says whom to believe.
type HTTP struct {
	Hosts          []string       // names that Host may have, in lower case: "example.org", "*.example.org", "[::1]"; empty takes any
	TrustedProxies []netip.Prefix // peers whose X-Forwarded-* and Forwarded are believed
	TrustUnix      bool           // the peers of a Unix socket are, too

	MaxConnections int           // at once; 0 is no limit
	HeaderTimeout  time.Duration // for a request's header to arrive; 0 is no limit
	BodyTimeout    time.Duration // without a byte of a request's body; 0 is no limit
	MinBodyRate    int64         // bytes a second of a request's body, measured after the first BodyTimeout; 0 is no limit
	KeepAlive      time.Duration // for an idle connection; 0 closes it after each answer
	MaxHeader      int64         // bytes of a request's header
	MaxURL         int64         // bytes of a request's target
	MaxFields      int           // header fields of a request
}

// Static says which files are served as they are.
type Static struct {
	Path     string // directory; "" serves no files
	Listing  bool   // list a directory that has no index.html
	Dotfiles bool   // serve names that begin with a dot (/.well-known/ always is)
	NotFound string // a page of the site's own for 404, a file; "" is the built-in one
}

// Dynamic says where bridges look for modules after the frame's own directory.
type Dynamic struct {
	Path string // "" when there is none
}

// Capture says when an exchange is written down as a shell script.
type Capture struct {
	Given    bool     // there is a table
	Path     string   // directory
	On       string   // "off", "failure" or "all"
	Secret   string   // what a request's Framegate-Capture field must be to have it captured; "" takes none
	Redact   []string // header fields and variables whose values are not written, besides cookies and credentials
	Reveal   bool     // write all values
	MaxCount int      // captures that are kept
	MaxBytes int64    // that they may take together
	MaxBody  int64    // bytes of a body in the script; a longer one stands beside it
}

// Frame is one [[frame]] table: which URLs it answers and how it is run.
// Exactly one of Match, Mount and Scripts is set, and, unless it is Scripts,
// exactly one of App, Command and Address. Scripts may have Command, that runs
// them all, or Address in mode Worker.
type Frame struct {
	Name string
	Line int // where its table begins in File; 0 without a file

	Match   []string // glob patterns: the whole path is PATH_INFO
	Mount   string   // URL prefix without a trailing slash, "/shop"; "/" is the root (SCRIPT_NAME is then empty)
	Scripts string   // URL prefix of a directory of programs

	App     string   // "module:object", "module:factory()", "x.ru", "x.psgi"
	Bridge  string   // "wsgi", "rack" or "psgi": given, or picked by App's shape
	Command []string // argv; a program with a slash is absolute, another is found on PATH at start
	Address []string // "HOST:PORT" or "unix:PATH" of what somebody else has started

	ScriptFilename string // of what Command or Address runs; "" is the program itself

	Dir          string              // cwd; for Scripts the directory of the programs
	Interpreters map[string][]string // ".php" = ["php-cgi"], for Scripts; programs as in Command

	Mode string // "exec", "fork" or "worker"

	Settings
}

// Settings are the keys that a [[frame]] shares with [defaults].
type Settings struct {
	FirstByteTimeout time.Duration // until the frame's first byte of stdout
	IdleTimeout      time.Duration // without a byte in either direction
	TotalTimeout     time.Duration // for the whole exchange
	StopGrace        time.Duration // between SIGTERM and SIGKILL

	MaxConcurrent int           // exchanges of this frame at once
	MaxQueue      int           // how many more may wait for their turn
	QueueTimeout  time.Duration // how long each may wait

	MaxBody    int64 // request body in bytes; 0 is no limit
	MaxHeader  int64 // response header block in bytes
	StreamBody bool  // start the process before the request's body is in

	Env               map[string]string // set for the process
	PassEnv           []string          // names passed on from the gateway's own environment
	PassAuthorization bool              // hand over HTTP_AUTHORIZATION
	Stdin             string            // "body" or "scgi"

	MaxResponseBuffer int64 // of a response that the client reads more slowly than the frame prints it
	MaxOutput         int64 // bytes of one response; 0 is no limit

	Memory     int64         // bytes of private memory of a process; 0 is no limit
	CPUTime    time.Duration // processor time of a process; 0 is no limit
	OpenFiles  int           // descriptors of a process; 0 keeps the gateway's own limit
	Processes  int           // processes of the frame's user, or of its cgroup; 0 is no limit
	User       string        // whom the process runs as; "" is the gateway's own user
	Group      string        // "" is the user's group
	Umask      int           // file mode bits that the process does not grant; -1 keeps the gateway's own
	NoNewPrivs bool          // no program that it executes gains privileges

	Sandbox    bool     // read-only outside Dir and WritePaths, and no network unless Network
	WritePaths []string // absolute
	Network    bool

	MinWorkers  int           // of mode "worker": processes that are always there
	MaxWorkers  int           // and as many as there may be
	WorkerIdle  time.Duration // after which one that is more than MinWorkers ends; 0 is never
	MaxRequests int           // after which a worker is replaced; 0 is never
	MaxRSS      int64         // bytes of memory at which a worker is replaced; 0 is no limit
	WarmUp      string        // of an app: path of a request to itself when it is loaded; "" is none
	PostFork    string        // of mode "fork": module:function that each forked process calls; "" is none
	Protocol    string        // of mode "worker" without App: "scgi" or "fastcgi"
	Watch       *bool         // start anew when a source changes; nil: only under --dev

	Interpreter string   // for bridges: python3, ruby, perl by default; a program as in Command, "" without App
	ModulePath  []string // for bridges: further directories of modules
	PathInfo    string   // for WSGI: "pep3333" or "text"; "" without App
}
