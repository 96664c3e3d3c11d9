package guardian

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pidLimit is the kernel's own (PID_MAX_LIMIT on 64 bits): no process number
// is as high.
const pidLimit = 4 << 20

// table is shared memory in two parts. The first has a bit for every process
// number there can be: half a mebibyte, of which only the pages with bits in
// them exist, and cheaper than any search for a free place. The second has
// the numbers of processes that are just being started.
type table struct {
	bits     []uint32
	starting []int32
	memory   []byte
}

const (
	bitsSize  = pidLimit / 8
	starts    = 1024 // at the same time; more wait
	tableSize = bitsSize + starts*4
)

// seals keep the memory from being cut short under whoever looks at it, and
// tell it from any other file that a guardian may be started with.
const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW

// newTable makes the table and the file that it can be read from.
func newTable() (*table, *os.File, error) {
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
	return &table{
		bits:     unsafe.Slice((*uint32)(unsafe.Pointer(&memory[0])), bitsSize/4),
		starting: unsafe.Slice((*int32)(unsafe.Pointer(&memory[bitsSize])), starts),
		memory:   memory,
	}, file, nil
}

func (t *table) add(pid int) {
	if word, bit, ok := place(pid); ok {
		atomic.OrUint32(&t.bits[word], bit)
	}
}

func (t *table) remove(pid int) {
	if word, bit, ok := place(pid); ok {
		atomic.AndUint32(&t.bits[word], ^bit)
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
func (t *table) free() { unix.Munmap(t.memory) }

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
		n, err := file.ReadAt(page, at)
		if err != nil && err != io.EOF { // the last page is not a whole one
			return pids, err
		}
		for i := 0; i < n; i += 4 {
			pids = appendPids(pids, int(at)+i, binary.NativeEndian.Uint32(page[i:]))
		}
	}
	return pids, nil
}

// appendPids appends what the word at byte at of the table says.
func appendPids(pids []int, at int, word uint32) []int {
	if at >= bitsSize {
		if _, _, ok := place(int(word)); ok {
			pids = append(pids, int(word))
		}
		return pids
	}
	for bit := range 32 {
		pid := at*8 + bit
		if _, mask, ok := place(pid); ok && word&mask != 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// isTable says whether fd is a table.
func isTable(fd int) bool {
	got, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	var stat unix.Stat_t
	return err == nil && got&seals == seals && unix.Fstat(fd, &stat) == nil && stat.Size == tableSize
}
