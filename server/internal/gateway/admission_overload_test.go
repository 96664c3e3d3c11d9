package gateway_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"framegate/server/internal/testframe"
)

// A frame whose one process stands still is asked four times as much as it may
// have in hand: as many as its queue holds wait, each of the others is told to
// come again at once, and others are served as if nothing was. Then those that
// have waited are served, in the order in which they came.
func TestOverload(t *testing.T) {
	const queue, factor = 8, 4
	leave := fifo(t)
	order := filepath.Join(t.TempDir(), "order")
	s := start(t, setup{
		frames: frameTable("calm", `mount = "/calm"`, testframe.Command(testframe.Print(page+"calm")), "") +
			frameTable("hold", `mount = "/hold"`, []string{"programs/hold"},
				fmt.Sprintf("max-concurrent = 1\nmax-queue = %d\nenv = { ORDER = %s, LEAVE = %s }\n", queue, tomlString(order), tomlString(leave))),
		files: map[string]string{"programs/hold": `#!/bin/sh
echo "$QUERY_STRING" >>"$ORDER"
: <"$LEAVE"
printf 'Content-Type: text/plain\n\n%s' "$QUERY_STRING"
`},
	})
	ran := func() []string {
		text, _ := os.ReadFile(order)
		return strings.Fields(string(text))
	}

	var admitted []*wire
	for i := range 1 + queue {
		w := s.dial()
		w.send(ask(fmt.Sprintf("/hold?%d", i)))
		admitted = append(admitted, w)
		until(t, "it is its turn, or it waits", func() bool { return len(ran()) == 1 && s.gateway.Waiting("hold") == int64(i) })
	}
	for range factor*(1+queue) - len(admitted) {
		// The process stands still: nobody who waited for it would be answered.
		if resp, body := s.get("/hold?refused"); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Fatalf("beyond the queue: got %s %q, Retry-After %q; want 503 and when to come again", resp.Status, body, resp.Header.Get("Retry-After"))
		}
		for path, want := range map[string]string{"/calm": "calm", "/plain.txt": "plain\n"} {
			if resp, body := s.get(path); resp.StatusCode != 200 || body != want {
				t.Fatalf("%s: got %s %q; want 200 %q", path, resp.Status, body, want)
			}
		}
	}
	if got := s.gateway.Waiting("hold"); got != queue || len(ran()) != 1 {
		t.Errorf("before anybody has left: got %d waiting, %q begun; want %d and one", got, ran(), queue)
	}

	open, err := os.OpenFile(leave, os.O_RDWR, 0) // as long as it is open, nobody waits for it
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	var came []string
	for i, w := range admitted {
		came = append(came, fmt.Sprint(i))
		if resp, body := w.receive(http.MethodGet); resp.StatusCode != 200 || body != came[i] {
			t.Errorf("%d: got %s %q; want 200 %q", i, resp.Status, body, came[i])
		}
	}
	if got := ran(); strings.Join(got, " ") != strings.Join(came, " ") {
		t.Errorf("served: got %q; want them as they came, %q", got, came)
	}
}
