package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Dir is the directory that Open makes its groups in. It need not exist.
func Dir() (string, error) {
	base, err := base()
	if err != nil {
		return "", err
	}
	return filepath.Join(base, "framegate-"+strconv.Itoa(os.Getpid())), nil
}

// base is the gateway's own cgroup, or the one above when that is what is
// delegated: systemd marks it, and has put the gateway into a leaf.
func base() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	membership, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	own, err := locate(string(mounts), string(membership))
	if err != nil {
		return "", err
	}
	if above := filepath.Dir(own); delegated(above) {
		return above, nil
	}
	return own, nil
}

func delegated(dir string) bool {
	var mark [8]byte
	n, err := unix.Getxattr(dir, "user.delegate", mark[:])
	return err == nil && string(mark[:n]) == "1"
}

// locate finds the directory of the v2 cgroup that membership
// (/proc/PID/cgroup) names among mounts (/proc/PID/mountinfo).
func locate(mounts, membership string) (string, error) {
	path, err := ownPath(membership)
	if err != nil {
		return "", err
	}
	mounted := false
	for line := range strings.Lines(mounts) {
		root, point, ok := cgroupMount(line)
		if !ok {
			continue
		}
		mounted = true
		if below, ok := strings.CutPrefix(path, strings.TrimSuffix(root, "/")); ok && (below == "" || below[0] == '/') {
			return filepath.Join(point, below), nil
		}
	}
	if mounted {
		return "", errors.New("the gateway's own cgroup " + path + " is outside of what is mounted")
	}
	return "", errors.New("no cgroup2 file system is mounted")
}

// ownPath reads the line of the v2 hierarchy, "0::/PATH".
func ownPath(membership string) (string, error) {
	for line := range strings.Lines(membership) {
		path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		switch {
		case !ok:
		case strings.HasSuffix(path, " (deleted)"):
			return "", errors.New("the gateway's own cgroup has been removed")
		case !strings.HasPrefix(path, "/") || slashDotDot(path):
			return "", errors.New("the gateway's own cgroup " + path + " is outside of its cgroup namespace")
		default:
			return path, nil
		}
	}
	return "", errors.New("the kernel has cgroup v1 only")
}

func slashDotDot(path string) bool { return strings.Contains(path+"/", "/../") }

// cgroupMount reads a line of mountinfo (proc(5)): the root of the mount
// within its file system is field 4, the mount point field 5, and the type
// comes after a lone hyphen, behind any number of optional fields.
func cgroupMount(line string) (root, point string, ok bool) {
	fields := strings.Fields(line)
	for i := 6; i+1 < len(fields); i++ {
		if fields[i] == "-" {
			root, point = unescape(fields[3]), unescape(fields[4])
			return root, point, fields[i+1] == "cgroup2" && filepath.IsAbs(point) && !slashDotDot(root)
		}
	}
	return "", "", false
}

// unescape undoes mountinfo's \040 for a space and the like.
func unescape(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if len(after) >= 3 {
			if c, err := strconv.ParseUint(after[:3], 8, 8); err == nil {
				b.WriteByte(byte(c))
				s = after[3:]
				continue
			}
		}
		b.WriteByte('\\')
		s = after
	}
}
