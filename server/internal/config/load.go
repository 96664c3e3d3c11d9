package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// Load reads and validates a gateway.toml. Mistakes in it are Errors; anything
// else is a file that could not be read.
func Load(path string) (*Config, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, err := parse(path, data, filepath.Dir(abs))
	if err != nil {
		return nil, err
	}
	c.File = abs
	return c, nil
}

// Default is the configuration of a directory without a gateway.toml: files
// from static/, *.py to mini_frame:application with frames/ on the module path.
func Default(dir string) (*Config, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("default configuration: %w", err)
	}
	if _, err := os.ReadDir(abs); err != nil {
		return nil, fmt.Errorf("default configuration: %w", err)
	}
	c := base(abs)
	c.Frames = []Frame{defaultFrame(abs)}
	return c, nil
}

// FrameByName is nil when there is no frame of that name.
func (c *Config) FrameByName(name string) *Frame {
	for i := range c.Frames {
		if c.Frames[i].Name == name {
			return &c.Frames[i]
		}
	}
	return nil
}

// base is what holds before any key is read.
func base(dir string) *Config {
	c := &Config{
		Dir:             dir,
		Listen:          defaultListen,
		ShutdownTimeout: defaultShutdownTimeout,
		HTTP:            defaultHTTP(),
		Capture:         defaultCapture(dir),
	}
	if p := filepath.Join(dir, defaultStaticDir); isDir(p) {
		c.Static.Path = p
	}
	if p := filepath.Join(dir, defaultDynamicDir); isDir(p) {
		c.Dynamic.Path = p
	}
	return c
}

// parse is Load without the file: name is for messages, dir is absolute.
func parse(name string, data []byte, dir string) (*Config, error) {
	root, syntax := readTree(name, data)
	if syntax != nil {
		return nil, Errors{syntax}
	}
	d := &decoder{file: name, dir: dir}
	c := base(dir)
	d.walk("", root, d.topKeys(c))
	d.frames(root, c)
	d.checkCaptures(root, c)
	if len(d.errs) > 0 {
		d.errs.sort()
		return nil, d.errs
	}
	c.Warnings = d.warnings
	return c, nil
}

func (d *decoder) static(t *table, s *Static) {
	d.walk("[static]", t, d.staticKeys(s))
	if t.get("path") == nil && s.Path == "" {
		d.warnf(t.line, "there is no directory %q, so no files are served", defaultStaticDir)
	}
}
