// Package count guards the speed of the gateway in CI by counting, not by
// timing: a machine that is busy takes longer, but makes no more system calls.
// What is counted, and how far it may go, is in ceilings_test.go.
//
// The race detector changes every count, so there are no tests with it:
// scripts/test.sh runs `go test ./server/count_test` by itself.
package count
