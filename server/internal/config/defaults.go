package config

import (
	"path/filepath"
	"time"
)

// What holds when gateway.toml says nothing. docs/configuration.md repeats
// these values; a test holds the two together.
const (
	defaultListen          = "127.0.0.1:7890"
	defaultShutdownTimeout = 30 * time.Second
	defaultStaticDir       = "static" // only if there is such a directory
	defaultDynamicDir      = "frames" // only if there is such a directory
	defaultCaptureDir      = "captures"
	defaultMode            = Exec
	defaultPython          = "python3"
)

func defaultSettings() Settings {
	return Settings{
		FirstByteTimeout: 60 * time.Second,
		IdleTimeout:      60 * time.Second,
		TotalTimeout:     time.Hour,
		StopGrace:        5 * time.Second,
		MaxConcurrent:    64,
		MaxQueue:         512,
		QueueTimeout:     30 * time.Second,
		MaxBody:          4 << 30,
		MaxHeader:        64 << 10,
		Stdin:            "body",

		MaxResponseBuffer: 64 << 20,
		Umask:             -1,
	}
}

func defaultHTTP() HTTP {
	return HTTP{
		HeaderTimeout: 30 * time.Second,
		BodyTimeout:   60 * time.Second,
		MinBodyRate:   1 << 10,
		KeepAlive:     2 * time.Minute,
		MaxHeader:     64 << 10,
		MaxURL:        16 << 10,
		MaxFields:     500,
	}
}

// defaultCapture is for who writes no table.
func defaultCapture(dir string) Capture {
	return Capture{Path: filepath.Join(dir, defaultCaptureDir), On: "off", MaxCount: 100, MaxBytes: 64 << 20, MaxBody: 1 << 20}
}

// defaultPathInfo follows the URL's shape: an app on a pattern compares and
// stores the path as it sees it, an app on a prefix is a framework that was
// written for PEP 3333.
func defaultPathInfo(f *Frame) string {
	if len(f.Match) > 0 {
		return "text"
	}
	return "pep3333"
}

// defaultFrame is what answers when there is no gateway.toml.
func defaultFrame(dir string) Frame {
	f := Frame{
		Name:     "mini",
		Match:    []string{"*.py"},
		App:      "mini_frame:application",
		Bridge:   "wsgi",
		Dir:      dir,
		Mode:     defaultMode,
		Settings: defaultSettings(),
	}
	f.Interpreter = defaultPython
	f.PathInfo = defaultPathInfo(&f)
	return f
}
