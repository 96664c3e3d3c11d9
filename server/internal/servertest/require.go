package servertest

import (
	"os"
	"os/exec"
	"testing"
)

// Require returns the path of the first of the named programs that is
// installed. Without any it skips the test, saying what to install, or, with
// FRAMEGATE_REQUIRE=all (as in CI), fails it: a skip must not hide a failure.
func Require(t testing.TB, install string, programs ...string) string {
	t.Helper()
	for _, program := range programs {
		if path, err := exec.LookPath(program); err == nil {
			return path
		}
	}
	Missing(t, programs[0]+" is missing: "+install)
	return ""
}

// Missing skips the test for the reason why, or fails it with
// FRAMEGATE_REQUIRE=all.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("FRAMEGATE_REQUIRE") == "all" {
		t.Fatal(why)
	} else {
		t.Skip(why)
	}
}
