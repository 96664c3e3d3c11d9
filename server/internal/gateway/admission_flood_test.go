package gateway_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"framegate/server/internal/testframe"
)

// One frame's flood never delays another frame, nor static files: while every
// process of a frame stands still, its queue is full and what is more has been
// turned away, the others are served as if nothing was.
func TestFloodOfOneFrame(t *testing.T) {
	const slots, queue, more, calm = 8, 16, 24, 100
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			leave := fifo(t)
			s := start(t, setup{
				frames: frameTable("flooded", `mount = "/flooded"`,
					testframe.Command(testframe.Await(leave), testframe.Print(page+"at last")), "max-concurrent = 8\nmax-queue = 16\n"),
				files: map[string]string{"cgi-bin/calm": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\ncalm'\n"},
			})
			client := map[string]*http.Client{"HTTP/1.1": s.client, "HTTP/2.0": s.h2}[proto]

			var refused, served, flood = atomic.Int64{}, atomic.Int64{}, sync.WaitGroup{}
			for range slots + queue + more {
				flood.Go(func() {
					resp, err := client.Get(s.url + "/flooded")
					if err != nil {
						t.Error(err)
						return
					}
					defer resp.Body.Close()
					body, err := io.ReadAll(resp.Body)
					switch {
					case resp.StatusCode == 503 && resp.Header.Get("Retry-After") != "":
						refused.Add(1)
					case resp.StatusCode == 200 && string(body) == "at last" && err == nil:
						served.Add(1)
					default:
						t.Errorf("got %s %q, %v", resp.Status, body, err)
					}
				})
			}
			until(t, "everybody but those that fit in is turned away", func() bool { return refused.Load() == more })

			for range calm {
				for path, want := range map[string]string{"/cgi-bin/calm": "calm", "/plain.txt": "plain\n"} {
					if resp, body := s.do(client, "GET", path, nil); resp.StatusCode != 200 || body != want {
						t.Fatalf("%s: got %s %q; want 200 %q", path, resp.Status, body, want)
					}
				}
			}
			if got := served.Load(); got != 0 {
				t.Errorf("%d of the flood were served meanwhile: this shows nothing", got)
			}

			open, err := os.OpenFile(leave, os.O_RDWR, 0) // as long as it is open, nobody waits for it
			if err != nil {
				t.Fatal(err)
			}
			defer open.Close()
			flood.Wait()
			if got := served.Load(); got != slots+queue {
				t.Errorf("of the flood: got %d served; want the %d that ran or waited", got, slots+queue)
			}
		})
	}
}

// A client that goes away while its request waits leaves its place to another,
// and no process is started for it.
func TestQueueIsLeftByTheClient(t *testing.T) {
	arrived, leave := fifo(t), fifo(t)
	s := bad(t, "max-concurrent = 1\nmax-queue = 1\n", testframe.Open(arrived), testframe.Await(leave), testframe.Print(page+"done"))
	first := s.dial()
	first.send(ask("/bad"))
	meet(t, arrived, os.O_RDONLY)

	// Which of the two waits, and which is turned away, is a matter of chance.
	pair := []*wire{s.dial(), s.dial()}
	for _, w := range pair {
		w.send(ask("/bad"))
	}
	logged := func(status string) func() bool {
		return func() bool { return bytes.Contains(s.log.bytes(), []byte(`"status":`+status)) }
	}
	until(t, "one of them is turned away", logged("503"))
	for _, w := range pair {
		w.reset()
	}
	until(t, "the other has gone", logged("499"))

	next := s.dial()
	next.send(ask("/bad"))
	for _, path := range []string{arrived, leave} {
		open, err := os.OpenFile(path, os.O_RDWR, 0) // as long as it is open, nobody waits for it
		if err != nil {
			t.Fatal(err)
		}
		defer open.Close()
	}
	for name, w := range map[string]*wire{"the first": first, "the next": next} {
		if resp, body, _ := w.everything().response(); resp.StatusCode != 200 || body != "done" {
			t.Errorf("%s: got %s %q; want 200 %q", name, resp.Status, body, "done")
		}
	}
	for _, record := range s.records() {
		if started := record["pid"] != nil; started != (record["status"] == 200.0) {
			t.Errorf("got a process: %v, for %v", started, record)
		}
	}
}
