package gateway_test

import (
	"testing"
	"time"

	"framegate/server/internal/capture"
)

// tardyApp is at a request for a while before it fails.
const tardyApp = `
import time
def application(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        time.sleep(0.1)
        raise KeyError("late")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"well"]
`

// The clock of an exchange that leaves the lane with an answer began there,
// when the worker was put to it.
func TestSightOfTheLaneBeginsThere(t *testing.T) {
	const worked = 100 * time.Millisecond // tardyApp
	for _, method := range []string{"GET", "POST"} {
		t.Run(method, func(t *testing.T) {
			kept := make(chan *capture.Exchange, 1)
			s := pythonSiteTop(t, "", tardyApp, "", failures(kept))
			body := ""
			if method == "POST" {
				body = "body"
			}
			var before time.Time
			for _, path := range []string{"well", "fail"} { // the worker is ready for the second
				w := s.dial() // one that the lane has, wherever the first went
				before = time.Now()
				w.send(upload(method, "/w/"+path, body))
				w.receive(method)
			}
			x := <-kept
			at := map[string]time.Duration{}
			for _, e := range x.Events {
				if _, again := at[e.Kind]; !again {
					at[e.Kind] = e.At
				}
			}
			if x.Time.Before(before) {
				t.Errorf("got %s; want it behind the request, of %s", x.Time, before)
			}
			if x.Events[0].Kind != capture.Started || at[capture.Started] < 0 {
				t.Errorf("got %v; want the beginning first, and not ahead of the time", x.Events)
			}
			kinds := []string{capture.Spawned}
			if body != "" {
				kinds = append(kinds, capture.StdinData, capture.StdinEnd)
			}
			for _, kind := range kinds {
				if got, ok := at[kind]; !ok || at[capture.StdoutPut]-got < worked {
					t.Errorf("%s (seen: %v) at %s, the answer at %s; want %s between them", kind, ok, got, at[capture.StdoutPut], worked)
				}
			}
		})
	}
}
