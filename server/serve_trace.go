package main

import (
	"net"
	"os"

	"framegate/server/internal/config"
	"framegate/server/internal/follow"
	"framegate/server/internal/gateway"
)

// openHub makes the socket that framegate trace follows this server by.
func (o *serveOptions) openHub(cfg *config.Config, site *gateway.Site, addr net.Addr) error {
	if o.socket == "off" {
		return nil
	}
	name, err := follow.Site(cfg.File, cfg.Dir)
	if err != nil {
		return err
	}
	path := o.socket
	if path == "" {
		if path, err = follow.Path(name, addr.String()); err != nil {
			return err
		}
	}
	return o.hub.Open(path, func() follow.Server {
		s := follow.Server{Version: version, Pid: os.Getpid(), Listen: addr.String(), URL: baseURL(addr), Site: name}
		for _, r := range site.Gateway().Routes() {
			if r.Frame != "" {
				s.Frames = append(s.Frames, r.Frame)
			}
		}
		return s
	})
}
