package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestVerify(t *testing.T) {
	answers := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte(body))
		}
	}
	text13 := benchCase{answer: hello}
	zeros4 := benchCase{zeros: 4}
	for _, tt := range []struct {
		name   string
		c      benchCase
		answer http.HandlerFunc
		want   string // of the error
	}{
		{"right", text13, answers(200, hello), ""},
		{"status", text13, answers(503, hello), "status 503"},
		{"other-body", text13, answers(200, "Hello, world"), `got "Hello, world"; want "Hello, world\n"`},
		{"zeros", zeros4, answers(200, "\x00\x00\x00\x00"), ""},
		{"short", zeros4, answers(200, "\x00\x00\x00"), "got a body of 3 bytes; want 4"},
		{"long", zeros4, answers(200, "\x00\x00\x00\x00\x00"), "got a body of 5 bytes; want 4"},
		{"not-zeros", zeros4, answers(200, "\x00\x00x\x00"), "the body is not all zeros before byte 4"},
		{"upload", benchCase{upload: 1000}, func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength != 1000 || r.Method != http.MethodPost {
				w.WriteHeader(http.StatusBadRequest)
			}
		}, ""},
		{"cut", zeros4, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "4")
			w.Write([]byte("\x00"))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(tt.answer)
			defer s.Close()
			client := newClient(tt.c)
			defer client.CloseIdleConnections()
			got := text(verify(t.Context(), client, s.URL, tt.c))
			if got != tt.want && (tt.want == "" || !strings.Contains(got, tt.want)) {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
}

func TestKeeps(t *testing.T) {
	for _, kept := range []bool{true, false} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(hello)) }))
		s.Config.SetKeepAlivesEnabled(kept)
		s.Start()
		defer s.Close()
		c := benchCase{answer: hello, connections: 1}
		client := newClient(c)
		defer client.CloseIdleConnections()
		if got, err := keeps(t.Context(), client, s.URL, c); err != nil || got != kept {
			t.Errorf("got %v, %v; want %v", got, err, kept)
		}
	}
}

// TestMover cuts a download that would not end, and counts what came.
func TestMover(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		w.Write(make([]byte, 1000))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer s.Close()
	m := &mover{client: newClient(benchCase{connections: 2}), url: s.URL}
	defer m.client.CloseIdleConnections()
	if err := m.run(context.Background(), 2, 100*time.Millisecond); err != nil || m.moved != 2000 || len(m.took) != 0 {
		t.Errorf("got %d bytes, %d whole answers, %v; want 2000 of two that were cut", m.moved, len(m.took), err)
	}
}
