package cgroup

import (
	"path/filepath"
	"strings"
	"testing"
)

const (
	unified = "25 1 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	hybrid  = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n" +
		"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
		"41 31 0:38 / /sys/fs/cgroup/unified rw shared:1 master:2 - cgroup2 cgroup2 rw\n"
)

func TestLocate(t *testing.T) {
	const outside = "the gateway's own cgroup "
	for _, tt := range []struct{ name, mounts, membership, want, wantErr string }{
		{"root", unified, "0::/\n", "/sys/fs/cgroup", ""},
		{"service", unified, "0::/system.slice/framegate.service\n", "/sys/fs/cgroup/system.slice/framegate.service", ""},
		{"hybrid", hybrid, "9:name=systemd:/a\n4:memory:/b\n0::/c\n", "/sys/fs/cgroup/unified/c", ""},
		{"container-sees-a-part", "30 1 0:22 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/abc/x\n", "/sys/fs/cgroup/x", ""},
		{"container-sees-itself", "30 1 0:22 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/abc\n", "/sys/fs/cgroup", ""},
		{"second-mount-fits", "30 1 0:22 /a /one rw - cgroup2 cgroup rw\n31 1 0:22 / /two rw - cgroup2 cgroup rw\n", "0::/ab\n", "/two/ab", ""},
		{"space-in-mount-point", `30 1 0:22 / /mnt/my\040groups\134 rw - cgroup2 cgroup rw` + "\n", "0::/x\n", `/mnt/my groups\/x`, ""},
		{"colon-in-path", unified, "0::/a:b\n", "/sys/fs/cgroup/a:b", ""},
		{"dots-in-a-name", unified, "0::/a..b/..c\n", "/sys/fs/cgroup/a..b/..c", ""},
		{"v1-only", hybrid, "4:memory:/b\n", "", "the kernel has cgroup v1 only"},
		{"not-mounted", "30 1 0:22 / / rw - ext4 /dev/vda rw\n", "0::/\n", "", "no cgroup2 file system is mounted"},
		{"elsewhere", "30 1 0:22 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/abcd\n", "",
			outside + "/docker/abcd is outside of what is mounted"},
		{"outside-of-namespace", unified, "0::/../other\n", "", outside + "/../other is outside of its cgroup namespace"},
		{"mount-outside-of-namespace", "30 1 0:22 /.. /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/\n", "", "no cgroup2 file system is mounted"},
		{"removed", unified, "0::/gone (deleted)\n", "", "the gateway's own cgroup has been removed"},
		{"empty", "", "", "", "the kernel has cgroup v1 only"},
		{"cut-line", "30 1 0:22 / /sys/fs/cgroup rw -\n", "0::/\n", "", "no cgroup2 file system is mounted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := locate(tt.mounts, tt.membership)
			gotErr := ""
			if err != nil {
				gotErr = err.Error()
			}
			if got != tt.want || gotErr != tt.wantErr {
				t.Errorf("got %q, %q; want %q, %q", got, gotErr, tt.want, tt.wantErr)
			}
		})
	}
}

func FuzzLocate(f *testing.F) {
	f.Add(unified, "0::/a\n")
	f.Add(hybrid, "4:memory:/b\n0::/\n")
	f.Add(`30 1 0:22 /\056. /mnt/\0 rw - cgroup2 cgroup rw`, "0::/../x")
	f.Fuzz(func(t *testing.T, mounts, membership string) {
		dir, err := locate(mounts, membership)
		if (err == nil) != (dir != "") {
			t.Errorf("got %q, %v; want either", dir, err)
		}
		if err == nil && (!filepath.IsAbs(dir) || strings.Contains(dir+"/", "/../")) {
			t.Errorf("got %q; want a clean absolute path", dir)
		}
	})
}
