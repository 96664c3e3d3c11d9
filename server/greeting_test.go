package main

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"framegate/server/internal/gateway"
)

// A greeting is one line to read, however many frames there are.
func TestGreeting(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7890}
	var routes []gateway.Route
	for i := range 1000 {
		routes = append(routes, gateway.Route{URL: fmt.Sprintf("/%d", i), Frame: fmt.Sprintf("f%d", i)})
	}
	if got, want := greeting(addr, routes[:2]), "framegate: serving http://127.0.0.1:7890/  /0 → f0, /1 → f1"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	for n, want := range map[int]string{20: "/19 → f19", 21: "/19 → f19 and 1 more: framegate check lists them", 1000: "/19 → f19 and 980 more: framegate check lists them"} {
		if got := greeting(addr, routes[:n]); !strings.HasSuffix(got, ", "+want) {
			t.Errorf("%d routes: got %q; want it to end with %q", n, got, want)
		}
	}
}
