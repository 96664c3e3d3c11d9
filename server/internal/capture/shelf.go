package capture

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// shelf is the directory of a ring. One goroutine has it.
type shelf struct {
	dir      string
	maxCount int
	maxBytes int64

	files   []stored // oldest first
	bytes   int64
	scanned time.Time
}

// stored is a capture, and the body beside it.
type stored struct {
	name string
	size int64
}

const temporary = ".tmp"

// put writes x, and removes the oldest captures to make room.
func (s *shelf) put(x *Exchange, o WriteOptions) (file string, err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return "", fmt.Errorf("captures: %w", err)
	}
	s.scan()
	name := FileName(x)
	file = filepath.Join(s.dir, name)
	defer func() { // unless they were renamed
		os.Remove(file + temporary)
		os.Remove(file + BodySuffix + temporary)
	}()
	size, err := lay(file, func(w io.Writer) (bool, error) { return true, Write(w, x, o) })
	if err != nil {
		return "", err
	}
	bodySize, err := lay(file+BodySuffix, func(w io.Writer) (bool, error) { return WriteBody(w, x, o) })
	if err != nil {
		return "", err
	}
	size += bodySize
	if err := s.makeRoom(size); err != nil {
		return "", err
	}
	if bodySize > 0 {
		if err := os.Rename(file+BodySuffix+temporary, file+BodySuffix); err != nil {
			return "", fmt.Errorf("captures: %w", err)
		}
	}
	if err := os.Rename(file+temporary, file); err != nil {
		os.Remove(file + BodySuffix)
		return "", fmt.Errorf("captures: %w", err)
	}
	s.files = append(s.files, stored{name, size})
	s.bytes += size
	return file, nil
}

// lay writes a file under its temporary name.
func lay(file string, write func(io.Writer) (wanted bool, err error)) (size int64, err error) {
	os.Remove(file + temporary)
	f, err := os.OpenFile(file+temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("captures: %w", err)
	}
	wanted, err := write(f)
	if err == nil && wanted {
		size, err = f.Seek(0, io.SeekCurrent)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return 0, fmt.Errorf("captures: %w", err)
	}
	return size, nil
}

// scan looks at what is there, from former runs, of another server that
// shares the directory, or no more because somebody has removed it.
func (s *shelf) scan() {
	if time.Since(s.scanned) < time.Second {
		return
	}
	s.scanned = time.Now()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return // writing tells
	}
	s.files, s.bytes = s.files[:0], 0
	sizes := map[string]int64{}
	for _, e := range entries {
		base := strings.TrimSuffix(strings.TrimSuffix(e.Name(), temporary), BodySuffix)
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !ownName.MatchString(base) {
			continue
		}
		if strings.HasSuffix(e.Name(), temporary) {
			if time.Since(info.ModTime()) > time.Hour { // its server has died
				os.Remove(filepath.Join(s.dir, e.Name()))
			}
			continue
		}
		sizes[base] += info.Size()
		s.bytes += info.Size()
	}
	for name, size := range sizes {
		s.files = append(s.files, stored{name, size})
	}
	slices.SortFunc(s.files, func(a, b stored) int { return strings.Compare(a.name, b.name) })
}

// makeRoom removes the oldest captures until one more of that size has room.
func (s *shelf) makeRoom(size int64) error {
	for len(s.files) > 0 && (s.maxCount > 0 && len(s.files) >= s.maxCount || s.maxBytes > 0 && s.bytes+size > s.maxBytes) {
		oldest := s.files[0]
		for _, suffix := range []string{"", BodySuffix} {
			if err := os.Remove(filepath.Join(s.dir, oldest.name+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("captures: make room: %w", err)
			}
		}
		s.files = s.files[1:]
		s.bytes -= oldest.size
	}
	return nil
}
