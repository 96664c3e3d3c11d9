//go:build !linux

package loop

import (
	"context"
	"errors"
	"net"
	"time"
)

// Loop is not there on this system: net/http serves all connections.
type Loop struct{ net.Listener }

// Conn is a connection of it.
type Conn struct{ User any }

// New makes none.
func New(net.Listener, Options) (*Loop, error) { return nil, errors.ErrUnsupported }

func (l *Loop) Patient(bool)           { panic("no loop") }
func (l *Loop) Settle(context.Context) { panic("no loop") }
func (p *Passed) Taken()               { panic("no loop") }
func (l *Loop) Start()                 { panic("no loop") }
func (l *Loop) Wait()                  { panic("no loop") }
func (l *Loop) Connections() int       { panic("no loop") }
func (l *Loop) Kill()                  { panic("no loop") }
func (l *Loop) Post(func()) bool       { panic("no loop") }
func (l *Loop) Now() time.Time         { panic("no loop") }
func (l *Loop) Add(int, Source) error  { panic("no loop") }
func (l *Loop) Take(int, string) bool  { panic("no loop") }
func (l *Loop) Remove(int)             { panic("no loop") }

func (c *Conn) Await(Owner)                                  { panic("no loop") }
func (c *Conn) Pass([]byte, any)                             { panic("no loop") }
func (c *Conn) Remote() string                               { panic("no loop") }
func (c *Conn) Local() string                                { panic("no loop") }
func (c *Conn) Answer([]byte, File, time.Time) (bool, error) { panic("no loop") }
