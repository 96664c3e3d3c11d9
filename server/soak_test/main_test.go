// Package soak_test drives the gateway with a mix of good requests and of
// every fault that a frame or a client can produce, and holds it to this:
// no good answer is lost or cut, every bad exchange ends as CONTRACT.md says,
// and nothing is left behind.
//
// TestServer does it to a real `framegate serve` and looks at its process from
// outside; TestGoroutines does it to a gateway inside the test process, whose
// goroutines and heap can be counted. Under plain `go test` both are short.
// scripts/soak.sh gives TestServer its time:
//
//	go test ./server/soak_test -run TestServer -v -args -seconds 120
package soak_test

import (
	"flag"
	"os"
	"runtime"
	"testing"
	"time"

	"framegate/server/internal/servertest"
	"framegate/server/internal/testframe"
)

var (
	seconds     = flag.Int("seconds", 0, "how long the load lasts; 0 leaves it to -requests")
	requests    = flag.Int64("requests", 0, "how many exchanges the load is; 0 leaves it to -seconds")
	concurrency = flag.Int("concurrency", 256, "how many clients there are at once")
	only        = flag.String("only", "", "a regular expression: the classes to send")
	seed        = flag.Uint64("seed", uint64(time.Now().UnixNano()), "what the clients' choices come from")
)

// smoke is the load without a flag: enough to meet every class of request.
const smoke = 1500

func TestMain(m *testing.M) {
	testframe.Main(os.Args)
	flag.Parse()
	if *seconds == 0 && *requests == 0 {
		*requests, *concurrency = smoke, 64
	}
	servertest.Main(m)
}

func requireLinux(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the soak test reads /proc, and gives its clients addresses of 127.0.0.0/8")
	}
}
