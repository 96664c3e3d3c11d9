package guardian

import (
	"os"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func openTable(t *testing.T) (*table, *os.File) {
	t.Helper()
	tab, file, err := newTable()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close(); tab.free() })
	return tab, file
}

func TestTable(t *testing.T) {
	for _, tt := range []struct {
		name              string
		add, remove, want []int
	}{
		{"empty", nil, nil, nil},
		{"one", []int{4711}, nil, []int{4711}},
		{"removed", []int{4711}, []int{4711}, nil},
		{"neighbours", []int{64, 63, 65, 31, 32}, []int{64}, []int{31, 32, 63, 65}},
		{"twice", []int{9, 9}, []int{9}, nil},
		{"never-added", []int{9}, []int{10}, []int{9}},
		{"first-and-last", []int{2, pidLimit - 1}, nil, []int{2, pidLimit - 1}},
		{"far-apart", []int{300, 2_000_000, 4_000_000, 32768}, []int{300}, []int{32768, 2_000_000, 4_000_000}},
		// kill(2) would take their negatives for this group, for everybody,
		// or for single processes.
		{"dangerous", []int{0, 1, -1, -4711, pidLimit, 1 << 40}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tab, file := openTable(t)
			for _, pid := range tt.add {
				tab.add(pid)
			}
			for _, pid := range tt.remove {
				tab.remove(pid)
			}
			got, err := readTable(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

// What the kernel has noted of a start is read like any other.
func TestTableStarting(t *testing.T) {
	tab, file := openTable(t)
	tab.add(300)
	copy(tab.starting, []int32{17, 0, 1, -5})
	tab.starting[starts-1] = 4711
	got, err := readTable(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{300, 17, 4711}, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

// Neighbouring numbers share a word: none may undo what another does.
func TestTableConcurrently(t *testing.T) {
	tab, file := openTable(t)
	const first, workers, rounds = 1000, 16, 2000
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() {
			for i := range rounds {
				pid := first + (i%8)*workers + w
				tab.add(pid)
				tab.remove(pid)
			}
			tab.add(first + w)
		})
	}
	running.Wait()
	var want []int
	for w := range workers {
		want = append(want, first+w)
	}
	got, err := readTable(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

func TestIsTable(t *testing.T) {
	_, file := openTable(t)
	if !isTable(int(file.Fd())) {
		t.Error("got false for a table; want true")
	}
	other, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if isTable(int(other.Fd())) {
		t.Error("got true for another file; want false")
	}
	if err := file.Truncate(0); err == nil {
		t.Error("the table could be cut short; want an error")
	}
}
