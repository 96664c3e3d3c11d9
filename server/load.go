package main

import (
	"errors"
	"io/fs"
	"net"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"framegate/server/internal/config"
)

// configName is looked for in the current directory.
const configName = "gateway.toml"

// source are the flags that say what is served.
type source struct {
	file   string
	cgiBin string
}

func (s *source) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.file, "config", "c", "", "configuration `FILE` (default: gateway.toml, if there is one)")
	cmd.Flags().StringVar(&s.cgiBin, "cgi-bin", "", "serve the CGI programs of `DIR` at /cgi-bin")
}

// load reads the configuration, or makes the one of a directory that has
// none; app is MODULE:APP of the command line, or "".
func (s *source) load(app string) (*config.Config, error) {
	cfg, err := s.read()
	if err != nil {
		return nil, err
	}
	if s.cgiBin != "" {
		if cfg.File == "" && app == "" {
			cfg.Frames = nil // only what was asked for: there may be no mini_frame.py
		}
		dir, err := filepath.Abs(s.cgiBin)
		if err != nil {
			return nil, err
		}
		if err := cfg.AddScripts("cgi-bin", "/cgi-bin", dir, map[string][]string{".py": {"python3"}}); err != nil {
			return nil, err
		}
	}
	if app != "" {
		return cfg, cfg.SetApp(app)
	}
	return cfg, nil
}

// flags make `framegate run` serve the same, in the same directory.
func (s *source) flags(cfg *config.Config) []string {
	var flags []string
	if cfg.File != "" {
		flags = append(flags, "-c", cfg.File)
	}
	if s.cgiBin != "" {
		flags = append(flags, "--cgi-bin", s.cgiBin)
	}
	return flags
}

func (s *source) read() (*config.Config, error) {
	if s.file != "" {
		cfg, err := config.Load(s.file)
		if errors.Is(err, fs.ErrNotExist) {
			err = &hintedError{err: err, hint: "-c names a file; without it, gateway.toml of this directory is read, if there is one"}
		}
		return cfg, err
	}
	cfg, err := config.Load(configName)
	if errors.Is(err, fs.ErrNotExist) {
		return config.Default(".")
	}
	return cfg, err
}

// listenPort is the port of a listen address, or "".
func listenPort(listen string) string {
	if strings.HasPrefix(listen, "unix:") {
		return ""
	}
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	return port
}
