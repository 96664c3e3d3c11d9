package gateway_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"framegate/server/internal/testframe"
)

// childVariable makes this test binary run as a frame instead of running
// tests. The environ of a frame is clean: it is set by env in the frame's
// configuration.
const childVariable = "FRAMEGATE_TEST_CHILD"

// TestMain runs a frame of testframe, a child of this package, or the tests;
// no goroutine of the gateway may outlive them.
func TestMain(m *testing.M) {
	testframe.Main(os.Args)
	switch child := os.Getenv(childVariable); child {
	case "":
		goleak.VerifyTestMain(m)
	case "dump":
		syscall.Exit(dumpChild()) // os.Exit takes a second with the race detector
	default:
		fmt.Fprintf(os.Stderr, "%s=%s: there is no such child\n", childVariable, child)
		os.Exit(2)
	}
}
