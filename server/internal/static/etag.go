package static

import (
	"os"
	"strconv"
)

// etagOf is the strong entity tag (§8.8.3) of what info describes, in coding
// (nil: none).
//
// Size and modification time alone miss an edit that keeps the length and
// restores the time (cp -p, rsync -t, touch -r). The inode changes with every
// rename into place, and the change time with every write, and no program can
// set it back. The price is that two machines have different tags for equal
// files, and that a chmod changes the tag: both cost one download, where the
// other mistake would show old content as current. All but the size is mixed
// into one number, because inodes are nobody's business.
func etagOf(info os.FileInfo, c *coding) string {
	inode, changed := identity(info)
	return tagOf(info.Size(), info.ModTime().UnixNano(), changed, inode, c)
}

func tagOf(size, modified, changed int64, inode uint64, c *coding) string {
	h := mix(uint64(modified))
	h = mix(h ^ uint64(changed))
	h = mix(h ^ inode)

	b := make([]byte, 0, 48)
	b = append(b, '"')
	b = strconv.AppendUint(b, uint64(size), 16)
	b = append(b, '-')
	b = strconv.AppendUint(b, h, 16)
	if c != nil { // §8.8.3.3: encodings of one file are told apart
		b = append(b, c.suffix...)
	}
	b = append(b, '"')
	return string(b)
}

// mix is a bijection of 64 bits in which each bit of the input reaches all of
// the output (the finaliser of splitmix64), and does not map 0 to 0.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
