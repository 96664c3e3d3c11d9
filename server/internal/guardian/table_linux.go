package guardian

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pidLimit is the kernel's own (PID_MAX_LIMIT on 64 bits): no process number
// is as high.
const pidLimit = 4 << 20

// table is shared memory with a bit for every process number there can be.
// Half a mebibyte, of which only the pages with bits in them exist: cheaper
// than any search for a free place.
type table []uint32

const tableSize = pidLimit / 8

// seals keep the memory from being cut short under whoever looks at it, and
// tell it from any other file that a guardian may be started with.
const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW

// newTable makes the table and the file that it can be read from.
func newTable() (table, *os.File, error) {
	fd, err := unix.MemfdCreate("guardian", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("guardian", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("make shared memory: %w", err)
	}
	file := os.NewFile(uintptr(fd), "guardian")
	err = unix.Ftruncate(fd, tableSize)
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	}
	var memory []byte
	if err == nil {
		memory, err = unix.Mmap(fd, 0, tableSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("share memory: %w", err)
	}
	return unsafe.Slice((*uint32)(unsafe.Pointer(&memory[0])), tableSize/4), file, nil
}

func (t table) add(pid int) {
	if word, bit, ok := place(pid); ok {
		atomic.OrUint32(&t[word], bit)
	}
}

func (t table) remove(pid int) {
	if word, bit, ok := place(pid); ok {
		atomic.AndUint32(&t[word], ^bit)
	}
}

// place is no place for 0 and 1: to kill(2) their negatives are this
// program's own group and everybody.
func place(pid int) (word int, bit uint32, ok bool) {
	if pid <= 1 || pid >= pidLimit {
		return 0, 0, false
	}
	return pid / 32, 1 << (pid % 32), true
}

// free gives the memory back. Nobody may look at t any more.
func (t table) free() {
	unix.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(&t[0])), tableSize))
}

// readTable lists the process numbers in the table that file is of. Holes are
// skipped: most of it has never been written to.
func readTable(file *os.File) (pids []int, err error) {
	page := make([]byte, os.Getpagesize())
	for at := int64(0); at < tableSize; at += int64(len(page)) {
		if at, err = unix.Seek(int(file.Fd()), at, unix.SEEK_DATA); err == unix.ENXIO {
			return pids, nil // only a hole is left
		}
		if err != nil {
			return pids, os.NewSyscallError("lseek", err)
		}
		at -= at % int64(len(page))
		if _, err := file.ReadAt(page, at); err != nil {
			return pids, err
		}
		for i := 0; i < len(page); i += 4 {
			word := binary.NativeEndian.Uint32(page[i:])
			for bit := range 32 {
				pid := (int(at)+i)*8 + bit
				if _, mask, ok := place(pid); ok && word&mask != 0 {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids, nil
}

// isTable says whether fd is a table.
func isTable(fd int) bool {
	got, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	var stat unix.Stat_t
	return err == nil && got&seals == seals && unix.Fstat(fd, &stat) == nil && stat.Size == tableSize
}
