package static

import (
	"container/list"
	"path/filepath"
	"strings"
	"sync"
)

// maxQuick is how many paths are remembered; rarer ones make room.
const maxQuick = 1024

// maxRanked is how many values of Accept-Encoding are: browsers send a few.
const (
	maxRanked      = 64
	maxRankedBytes = 128
)

// stamp is what tells one state of a file from another, as far as the fields
// of an answer go: see etagOf. Times are in nanoseconds.
type stamp struct {
	device, inode           uint64
	size, modified, changed int64
}

func (s stamp) etag(c *coding) string {
	return tagOf(s.size, s.modified, s.changed, s.inode, c)
}

// quickCache is what Quick remembers. The zero value is empty.
type quickCache struct {
	mu      sync.Mutex
	closed  bool
	entries map[string]*list.Element // of *quickEntry, by the path of the request
	recent  list.List                // the last used first
	held    int                      // descriptors
	maxHeld int
	ranked  map[string]ranking // by Accept-Encoding
}

// quickEntry is what one path of a request stands for.
type quickEntry struct {
	path         string
	dir, name    string
	compressible bool
	forms        [1 + len(codings)]*form // the original, then by coding; nil: not asked for yet
}

// entry is nil for a path that can't be a file.
func (c *quickCache) entry(f *Files, path string) *quickEntry {
	if el := c.entries[path]; el != nil {
		c.recent.MoveToFront(el)
		return el.Value.(*quickEntry)
	}
	if c.closed {
		return nil
	}
	name, slash, ok := treeName(path, f.opts.Dotfiles)
	if !ok {
		return nil
	}
	if slash {
		name = strings.TrimPrefix(name+"/"+indexName, "/")
	}
	if name == "" {
		return nil
	}
	// A place that has nothing must not push out one that has.
	at := newPlace(f.tree.dir, name)
	if !at.exists() {
		return nil
	}
	if c.entries == nil {
		c.entries, c.ranked, c.maxHeld = map[string]*list.Element{}, map[string]ranking{}, maxHeld()
	}
	typ := typeOf(name)
	e := &quickEntry{path: strings.Clone(path), dir: f.tree.dir, name: name, compressible: typ.compressible}
	e.forms[0] = &form{place: at, typ: typ, held: -1}
	c.entries[e.path] = c.recent.PushFront(e)
	if c.recent.Len() > maxQuick {
		c.remove(c.recent.Back().Value.(*quickEntry))
	}
	return e
}

// neighbour is the form in codings[i].
func (e *quickEntry) neighbour(i int) *form {
	if e.forms[1+i] == nil {
		e.forms[1+i] = &form{place: newPlace(e.dir, e.name+codings[i].ext), typ: e.forms[0].typ, coding: &codings[i], held: -1}
	}
	return e.forms[1+i]
}

// look brings fm up to date with the file that lies at its place. opened is a
// descriptor of the file, the caller's to close, unless fm holds one.
func (c *quickCache) look(fm *form) (opened int, ok bool) {
	var now stamp
	if fm.held >= 0 {
		// The inode of an open file can't become another file's: the stamp is sure.
		if fm.place.stat(&now, true) && now == fm.now {
			return -1, true
		}
		c.release(fm)
	}
	fd, ok := fm.place.open(&now)
	if !ok {
		return -1, false
	}
	if now == fm.now {
		return fd, true // one that can't be held: that was found out before
	}
	fm.prepare(now)
	if now.size > smallFile || !c.holdable(fm, fd) {
		return fd, true
	}
	fm.held = fd
	c.held++
	for c.held > c.maxHeld {
		c.remove(c.recent.Back().Value.(*quickEntry))
	}
	return -1, true
}

// holdable reports whether a look at the path will tell when fd isn't its file
// any more. It can't where a symbolic link is on the way, which may come to
// lead out of the tree, nor where stat may say what was true a while ago.
func (c *quickCache) holdable(fm *form, fd int) bool {
	var again stamp
	return fm.place.stat(&again, false) && again == fm.now && isLocal(fd)
}

func (c *quickCache) release(fm *form) {
	if fm.held >= 0 {
		closeFile(fm.held)
		fm.held = -1
		fm.now = stamp{}
		c.held--
	}
}

func (c *quickCache) remove(e *quickEntry) {
	for _, fm := range e.forms {
		if fm != nil {
			c.release(fm)
		}
	}
	if el := c.entries[e.path]; el != nil {
		c.recent.Remove(el)
		delete(c.entries, e.path)
	}
}

func (c *quickCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for c.recent.Len() > 0 {
		c.remove(c.recent.Back().Value.(*quickEntry))
	}
}

// rank is acceptEncoding of one line.
func (c *quickCache) rank(accept []byte) ranking {
	if r, ok := c.ranked[string(accept)]; ok {
		return r
	}
	line := string(accept)
	r := acceptEncoding([]string{line})
	if len(line) <= maxRankedBytes {
		if len(c.ranked) == maxRanked {
			clear(c.ranked)
		}
		c.ranked[line] = r
	}
	return r
}

// prefixes are the paths of name's directories below dir, and its own.
func prefixes(dir, name string) []string {
	var list []string
	for i := 0; i < len(name); i++ {
		if name[i] == '/' {
			list = append(list, filepath.Join(dir, name[:i]))
		}
	}
	return append(list, filepath.Join(dir, name))
}
