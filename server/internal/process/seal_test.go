package process

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"framegate/server/internal/testframe"
)

// sealVariable makes this test binary a gateway that is started with
// descriptors of somebody else's.
const sealVariable = "FRAMEGATE_TEST_SEAL"

func sealedMain() {
	if os.Getenv(sealVariable) == "sealed" {
		if err := SealInherited(); err != nil {
			fmt.Println(err)
			syscall.Exit(1)
		}
	}
	p, err := Start(frameSpec(testframe.PrintFDs()))
	if err != nil {
		fmt.Println(err)
		syscall.Exit(1)
	}
	io.Copy(os.Stdout, p.Output())
	p.Wait()
	syscall.Exit(0)
}

// TestPitfall/inherited-descriptors: a child has 0, 1, 2 and nothing else,
// whatever the gateway was started with.
func TestPitfall(t *testing.T) {
	t.Run("inherited-descriptors", func(t *testing.T) {
		secret, err := os.Open("/etc/passwd")
		if err != nil {
			t.Fatal(err)
		}
		defer secret.Close()
		list := func(how string) string {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), sealVariable+"="+how)
			cmd.ExtraFiles = []*os.File{secret, nil, secret}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return string(out)
		}
		if got := list("open"); !strings.Contains(got, "3 /etc/passwd\n") {
			t.Fatalf("without a seal the child has\n%s; want /etc/passwd among it, or this test shows nothing", got)
		}
		lines := strings.Split(strings.TrimSpace(list("sealed")), "\n")
		if len(lines) != 3 {
			t.Fatalf("the child has the descriptors %q; want 0, 1 and 2", lines)
		}
		for fd, want := range []string{"0 /dev/null", "1 pipe:", "2 pipe:"} {
			if !strings.HasPrefix(lines[fd], want) {
				t.Errorf("descriptor %d: got %q; want %q", fd, lines[fd], want)
			}
		}
	})
}
