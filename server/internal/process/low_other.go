//go:build !linux

package process

// lowNumbers are of use where a process can be started without its parent's
// descriptors.
type lowNumbers struct{}

func reserved() *lowNumbers { return nil }

func (*lowNumbers) take(int) int { return -1 }
func (*lowNumbers) give(int)     {}

// Prepare makes this program ready to start many others.
func Prepare() {}
