package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// SetListen takes the address of a command line in place of the file's.
func (c *Config) SetListen(addr string) error {
	if err := CheckListen(addr); err != nil {
		return err
	}
	if path, ok := strings.CutPrefix(addr, "unix:"); ok && !filepath.IsAbs(path) {
		abs, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		addr = "unix:" + abs
	}
	c.Listen = addr
	return nil
}

// SetApp has app answer in place of the first app that a pattern leads to, as
// the course starts its server. Without such a frame, one for *.py is added.
func (c *Config) SetApp(app string) error {
	if err := CheckApp(app); err != nil {
		return err
	}
	for i := range c.Frames {
		if f := &c.Frames[i]; f.App != "" && len(f.Match) > 0 {
			f.App = app
			return nil
		}
	}
	f := defaultFrame(c.Dir)
	f.App = app
	if c.FrameByName(f.Name) != nil {
		f.Name = "app"
	}
	c.Frames = append(c.Frames, f)
	return nil
}

// AddScripts adds a directory of CGI programs, as --cgi-bin does.
func (c *Config) AddScripts(name, prefix, dir string, interpreters map[string][]string) error {
	if !isDir(dir) {
		return &Error{Msg: fmt.Sprintf("%s is no directory", dir), Hint: "name the directory that holds the CGI programs"}
	}
	for _, f := range c.Frames {
		if f.Scripts == prefix || f.Mount == prefix {
			return &Error{Msg: fmt.Sprintf("%s is taken by frame %q of the configuration", prefix, f.Name)}
		}
	}
	c.Frames = append(c.Frames, Frame{
		Name: name, Scripts: prefix, Dir: dir, Interpreters: interpreters, Mode: defaultMode, Settings: defaultSettings(),
	})
	return nil
}

// ForCommand is the configuration of a program that answers every request, run
// in dir; nothing else is served.
func ForCommand(dir string, command []string) (*Config, error) {
	c, err := Default(dir)
	if err != nil {
		return nil, err
	}
	c.Static, c.Dynamic = Static{}, Dynamic{}
	c.Frames = []Frame{{
		Name: filepath.Base(command[0]), Mount: "/", Command: command, Dir: c.Dir, Mode: defaultMode, Settings: defaultSettings(),
	}}
	return c, nil
}
