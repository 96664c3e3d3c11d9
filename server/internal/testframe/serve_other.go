//go:build !linux

package testframe

import "errors"

func serve(string) error { return errors.New("workers are tested on Linux") }

func rawStart(string) error { return errors.New("workers are tested on Linux") }

func closeWire() error { return errors.New("workers are tested on Linux") }
