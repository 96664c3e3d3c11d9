package capture

import (
	"math/rand/v2"
	"strings"
)

// everyByte is all bytes that a word can hold.
func everyByte() string {
	all := make([]byte, 255)
	for i := range all {
		all[i] = byte(i + 1)
	}
	return string(all)
}

func randomText(r *rand.Rand, n int) string {
	pieces := []string{"a", "B", "7", " ", "  ", "'", `"`, `\`, "\n", "\t", "$", "`", "%", "%s", "!", "#", "*", "~", "中文", "é", "=", "-", "\\n", "$b1", "END", "FRAMEGATE_BODY\n", "　", "𝄞"}
	var b strings.Builder
	for range n {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

func randomBytes(r *rand.Rand, n int, nul bool) string {
	b := make([]byte, n)
	for i := range b {
		if b[i] = byte(r.Uint32()); b[i] == 0 && !nul {
			b[i] = '\n'
		}
	}
	return string(b)
}
