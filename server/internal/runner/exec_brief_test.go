package runner

import (
	"testing"
	"time"

	"framegate/server/internal/process"
	"framegate/server/internal/testframe"
)

func TestHabits(t *testing.T) {
	const limit = 50 * time.Millisecond
	soon := func(h *habit) { h.ended(time.Millisecond, limit, 100) }
	late := func(h *habit) { h.ended(time.Second, limit, 100) }
	much := func(h *habit) { h.ended(time.Millisecond, limit, briefOutput+1) }
	for _, test := range []struct {
		name  string
		past  []func(*habit)
		brief bool
	}{
		{"unknown", nil, false},
		{"soon once", []func(*habit){soon}, true},
		{"late now", []func(*habit){soon, late}, false},
		{"late now and then", []func(*habit){soon, soon, late}, true},
		{"much", []func(*habit){soon, soon, soon, much}, false},
		{"much, and not since", []func(*habit){much, soon, soon, soon}, false},
		{"held up", []func(*habit){soon, soon, (*habit).heldUp, soon}, false},
	} {
		h := new(habits).of("program")
		for _, note := range test.past {
			note(h)
		}
		if h.brief() != test.brief {
			t.Errorf("%s: brief is %v at score %d; want %v", test.name, h.brief(), h.score.Load(), test.brief)
		}
	}
}

// The start of a program that is known to end soon waits for its end, and that
// of one that goes on after all is no longer waited for.
func TestExecLearns(t *testing.T) {
	const enough = 20 * time.Second
	e := new(Exec)
	run := func(limit time.Duration, steps ...testframe.Step) bool {
		t.Helper()
		argv := testframe.Command(steps...)
		r, err := e.Start(t.Context(), &process.Spec{Path: argv[0], Argv: argv, Dir: "/", Brief: &process.Patience{Limit: limit}})
		if err != nil {
			t.Fatal(err)
		}
		if Launched(r).IsZero() {
			t.Error("it is not known when the program was started")
		}
		finish(t, r)
		return WasBrief(r)
	}
	for i, want := range []bool{false, true, true} {
		if got := run(enough, testframe.Print("soon")); got != want {
			t.Errorf("run %d: waited for is %v; want %v", i, got, want)
		}
	}
	if run(time.Millisecond, testframe.Fill(1<<20)); run(enough, testframe.Print("soon")) {
		t.Error("a program that has filled its pipe is waited for again")
	}
}
