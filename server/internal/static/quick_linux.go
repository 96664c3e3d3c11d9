package static

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// place is where a file lies in the tree. The paths end in a NUL, ready for
// the kernel: a request makes none.
type place struct {
	dir  []byte   // of the tree
	name []byte   // relative to it
	path [][]byte // absolute: each directory on the way, and the file
}

func newPlace(dir, name string) place {
	p := place{dir: append([]byte(dir), 0), name: append([]byte(name), 0)}
	for _, path := range prefixes(dir, name) {
		p.path = append(p.path, append([]byte(path), 0))
	}
	return p
}

const statMask = unix.STATX_TYPE | unix.STATX_INO | unix.STATX_SIZE | unix.STATX_MTIME | unix.STATX_CTIME

func statx(dir int, path []byte, flags int, st *unix.Statx_t) bool {
	_, _, errno := unix.Syscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(&path[0])),
		uintptr(flags), statMask, uintptr(unsafe.Pointer(st)), 0)
	return errno == 0 && st.Mask&statMask == statMask
}

// lstat is at once for a path that the kernel has looked up just now: the
// runtime need not be told of the call.
func lstat(path []byte, st *unix.Statx_t, atOnce bool) bool {
	if !atOnce {
		return statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, st)
	}
	here := unix.AT_FDCWD
	_, _, errno := unix.RawSyscall6(unix.SYS_STATX, uintptr(here), uintptr(unsafe.Pointer(&path[0])),
		unix.AT_SYMLINK_NOFOLLOW, statMask, uintptr(unsafe.Pointer(st)), 0)
	return errno == 0 && st.Mask&statMask == statMask
}

// exists is true for a symbolic link, too, wherever it leads.
func (p *place) exists() bool {
	var st unix.Statx_t
	return lstat(p.path[len(p.path)-1], &st, false)
}

// stat stamps the file, if there's one and no symbolic link on the way to it:
// then it is inside the tree. Of a file that is held open, the kernel has all
// that atOnce asks for.
func (p *place) stat(s *stamp, atOnce bool) bool {
	var st unix.Statx_t
	last := len(p.path) - 1
	for _, path := range p.path[:last] {
		if !lstat(path, &st, atOnce) || st.Mode&unix.S_IFMT != unix.S_IFDIR {
			return false
		}
	}
	return lstat(p.path[last], &st, atOnce) && s.set(&st)
}

func (s *stamp) set(st *unix.Statx_t) bool {
	*s = stamp{
		device: uint64(st.Dev_major)<<32 | uint64(st.Dev_minor), inode: st.Ino, size: int64(st.Size),
		modified: nanoseconds(st.Mtime), changed: nanoseconds(st.Ctime),
	}
	// Years that nanoseconds don't reach are Serve's.
	return st.Mode&unix.S_IFMT == unix.S_IFREG && max(st.Mtime.Sec, -st.Mtime.Sec, st.Ctime.Sec, -st.Ctime.Sec) < 9e9
}

func nanoseconds(t unix.StatxTimestamp) int64 { return t.Sec*1e9 + int64(t.Nsec) }

// open opens the file if it is a regular one inside the tree, with the flags
// and the rules about symbolic links that tree.open has.
func (p *place) open(s *stamp) (fd int, ok bool) {
	here := unix.AT_FDCWD // a variable: the constant is negative
	dir, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(here), uintptr(unsafe.Pointer(&p.dir[0])),
		unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0, 0, 0)
	if errno != 0 {
		return -1, false
	}
	how := unix.OpenHow{Flags: uint64(openFlags | unix.O_CLOEXEC | unix.O_LARGEFILE), Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	file, _, errno := unix.Syscall6(unix.SYS_OPENAT2, dir, uintptr(unsafe.Pointer(&p.name[0])),
		uintptr(unsafe.Pointer(&how)), unix.SizeofOpenHow, 0, 0)
	unix.Close(int(dir)) // of no file: nothing can be lost
	if errno != 0 {
		return -1, false // an old kernel's ENOSYS, too
	}
	var st unix.Statx_t
	if !statx(int(file), []byte{0}, unix.AT_EMPTY_PATH, &st) || !s.set(&st) {
		unix.Close(int(file))
		return -1, false
	}
	return int(file), true
}

func closeFile(fd int) { unix.Close(fd) } // it was only read: an error here loses nothing

// readAll fills buf from the beginning of the file: mostly with one call that
// does not wait for a disk, and that the runtime need not be told of.
func readAll(fd int, buf []byte) bool {
	if len(buf) == 0 {
		return true
	}
	vec := unix.Iovec{Base: &buf[0]}
	vec.SetLen(len(buf))
	// The offset is 0 in both its halves.
	n, _, errno := unix.RawSyscall6(unix.SYS_PREADV2, uintptr(fd), uintptr(unsafe.Pointer(&vec)), 1, 0, 0, unix.RWF_NOWAIT)
	at := 0
	if errno == 0 {
		at = int(n)
	}
	for at < len(buf) {
		n, err := unix.Pread(fd, buf[at:], int64(at))
		switch {
		case err == unix.EINTR:
		case err != nil || n == 0:
			return false
		default:
			at += n
		}
	}
	return true
}

// isLocal reports whether the file's system is one on which stat is always
// true at once. Those of a network remember attributes for some seconds, and
// only an open asks the server again.
func isLocal(fd int) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(fd, &st) != nil {
		return false
	}
	switch int64(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC,
		unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC, unix.SQUASHFS_MAGIC, unix.EROFS_SUPER_MAGIC_V1:
		return true
	}
	return false
}

// maxHeld leaves the descriptors to those who need them: connections, frames.
func maxHeld() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 1 + len(codings)
	}
	return max(1+len(codings), int(min(limit.Cur/8, 256)))
}
