//go:build !linux

package gateway

import "os"

// memoryFile is a file without a name that lies in memory: nowhere but on Linux.
func memoryFile() *os.File { return nil }
