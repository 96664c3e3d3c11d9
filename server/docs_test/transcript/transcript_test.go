package transcript

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBlocks(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []Block
	}{
		{"none", "text\n", nil},
		{"one", "a\n```sh\nls\n```\n", []Block{{Line: 2, Lang: "sh", Text: "ls\n", Info: []string{}}}},
		{"info", "```toml file=a.toml x\n```\n", []Block{{Line: 1, Lang: "toml", Info: []string{"file=a.toml", "x"}}}},
		{"no-language", "```\nx\n```\n", []Block{{Line: 1, Text: "x\n"}}},
		{"indented", "- a\n  ```sh\n  if x\n    y\n  ```\n", []Block{{Line: 2, Lang: "sh", Text: "if x\n  y\n", Info: []string{}}}},
		{"fence-in-longer-fence", "````md\n```sh\n```\n````\n", []Block{{Line: 1, Lang: "md", Text: "```sh\n```\n", Info: []string{}}}},
		{"unclosed", "```sh\nls\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Blocks(tt.text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestBlockInfo(t *testing.T) {
	b := Block{Info: []string{"test", "in=site", "file=a=b"}}
	if !b.Has("test") || b.Has("in") {
		t.Errorf("Has: got %v, %v; want true, false", b.Has("test"), b.Has("in"))
	}
	for key, want := range map[string]string{"in": "site", "file": "a=b", "test": "", "needs": ""} {
		if got := b.Value(key); got != want {
			t.Errorf("Value(%q): got %q; want %q", key, got, want)
		}
	}
}

func TestCommands(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []Command
	}{
		{"one", "$ ls\na\nb\n", []Command{{"ls\n", "a\nb\n"}}},
		{"silent", "$ cd x\n$ ls\na\n", []Command{{"cd x\n", ""}, {"ls\n", "a\n"}}},
		{"lines", "$ cat <<E\n> a\n> E\na\n", []Command{{"cat <<E\na\nE\n", "a\n"}}},
		{"output-like-a-continuation", "$ echo\na\n> b\n", []Command{{"echo\n", "a\n> b\n"}}},
		{"before-the-first", "a\n$ ls\n", []Command{{"ls\n", ""}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Commands(tt.text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAlike(t *testing.T) {
	for _, tt := range []struct {
		name, got, want string
		alike           bool
	}{
		{"equal", "a\nb\n", "a\nb\n", true},
		{"other-line", "a\nc\n", "a\nb\n", false},
		{"a-line-more", "a\nb\nc\n", "a\nb\n", false},
		{"a-line-less", "a\n", "a\nb\n", false},
		{"no-last-break", "a", "a\n", true},
		{"nothing", "", "", true},
		{"not-nothing", "a\n", "", false},
		{"open-end", "Date: today\n", "Date: …\n", true},
		{"open-end-other", "Data: today\n", "Date: …\n", false},
		{"open-middle", "id 17 end\n", "id … end\n", true},
		{"open-middle-other", "id 17 ends\n", "id … end\n", false},
		{"not-over-lines", "id 17\nend\n", "id … end\n", false},
		{"lines", "a\nb\nc\nd\n", "a\n…\nd\n", true},
		{"lines-none", "a\nd\n", "a\n…\nd\n", true},
		{"lines-other", "a\nb\nc\n", "a\n…\nd\n", false},
		{"lines-at-the-end", "a\nb\n", "a\n…\n", true},
		{"meta-characters", "a.b\n", "a+b\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Alike(tt.got, tt.want); got != tt.alike {
				t.Errorf("got %v; want %v", got, tt.alike)
			}
		})
	}
}
