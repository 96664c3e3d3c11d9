package bridge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"framegate/frames/bridges"
	"framegate/server/internal/config"
)

// setArgv makes the argument vectors of what the bridge is run for.
func (b *Bridge) setArgv(script string) error {
	f := b.opts.Frame
	python := []string{b.Path, "-X", "utf8", script}
	app := append(b.options(), f.App)
	b.Argv = append(python[:4:4], app...)
	b.Script, b.Source = 3, bridges.WSGI
	b.check = append(python[1:4:4], "--check")
	if f.PostFork != "" {
		b.check = append(b.check, "--post-fork", f.PostFork)
	}
	b.check = append(b.check, app...)
	if !f.Warm() {
		return nil
	}
	warm, err := warmOptions(f)
	b.Standing = append(append(append(python[:4:4], "--"+f.Mode), warm...), app...)
	if b.opts.Fresh {
		b.check = slices.Insert(b.check, 0, "-B")
		b.Standing = slices.Insert(b.Standing, 1, "-B")
	}
	return err
}

func (b *Bridge) options() []string {
	args := []string{"--path-info", b.opts.Frame.PathInfo}
	dirs := append([]string{b.opts.Dir, b.opts.Dynamic}, b.opts.Frame.ModulePath...)
	for _, dir := range dirs {
		if dir != "" {
			args = append(args, "--module-path", dir)
		}
	}
	return args
}

// warmOptions are those of the process that outlives requests.
func warmOptions(f *config.Frame) ([]string, error) {
	var args []string
	if f.WarmUp != "" {
		script, rest, err := warmUp(f)
		if err != nil {
			return nil, err
		}
		args = append(args, "--script-name", script, "--warm-up", rest)
	}
	if f.PostFork != "" {
		args = append(args, "--post-fork", f.PostFork)
	}
	if f.Mode == config.Fork && f.CPUTime > 0 {
		// What is forked counts its own; see process.Confinement.WithoutCPUTime.
		args = append(args, "--cpu-time", strconv.FormatInt(int64((f.CPUTime+time.Second-1)/time.Second), 10))
	}
	return args, nil
}

// warmUp takes the URL of a frame's warm-up request apart: SCRIPT_NAME, and
// the rest still percent-encoded.
func warmUp(f *config.Frame) (script, rest string, err error) {
	script = strings.TrimSuffix(f.Mount, "/")
	rest, ok := strings.CutPrefix(f.WarmUp, script)
	if !ok || rest != "" && rest[0] != '/' && rest[0] != '?' {
		return "", "", &Error{
			Msg:  fmt.Sprintf("warm-up = %q is not below mount = %q", f.WarmUp, f.Mount),
			Hint: fmt.Sprintf("it is the path of a URL: write warm-up = %q", script+f.WarmUp),
		}
	}
	for i := 0; i < len(rest) && rest[i] != '?'; i++ {
		if rest[i] == '%' && (i+2 >= len(rest) || !isHex(rest[i+1]) || !isHex(rest[i+2])) {
			return "", "", &Error{Msg: fmt.Sprintf("warm-up = %q has a %% that is no escape", f.WarmUp), Hint: "write %25 for a % sign"}
		}
	}
	return script, rest, nil
}

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }
