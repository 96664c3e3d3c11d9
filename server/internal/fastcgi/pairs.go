package fastcgi

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Names and values are pairs of two lengths and two texts (§3.4). A length
// below 128 is one byte, another one four with the highest bit set.

const (
	shortLength = 127
	longBit     = 1 << 31
)

// AppendPair appends one pair.
func AppendPair(b []byte, name, value string) []byte {
	b = appendLength(b, len(name))
	b = appendLength(b, len(value))
	b = append(b, name...)
	return append(b, value...)
}

func appendLength(b []byte, n int) []byte {
	if n <= shortLength {
		return append(b, byte(n))
	}
	return binary.BigEndian.AppendUint32(b, uint32(n)|longBit)
}

func pairLen(name, value string) int {
	n := len(name) + len(value) + 2
	if len(name) > shortLength {
		n += 3
	}
	if len(value) > shortLength {
		n += 3
	}
	return n
}

// ParsePairs reads a whole stream of pairs, each as "NAME=value".
func ParsePairs(b []byte) ([]string, error) {
	var pairs []string
	for len(b) > 0 {
		name, rest, err := parseLength(b)
		if err != nil {
			return nil, err
		}
		value, rest, err := parseLength(rest)
		if err != nil {
			return nil, err
		}
		if uint64(name)+uint64(value) > uint64(len(rest)) {
			return nil, fmt.Errorf("%w: a pair of %d and %d bytes in %d", ErrProtocol, name, value, len(rest))
		}
		pairs = append(pairs, string(rest[:name])+"="+string(rest[name:name+value]))
		b = rest[name+value:]
	}
	return pairs, nil
}

func parseLength(b []byte) (n uint32, rest []byte, err error) {
	switch {
	case len(b) >= 1 && b[0] <= shortLength:
		return uint32(b[0]), b[1:], nil
	case len(b) >= 4:
		return binary.BigEndian.Uint32(b) &^ longBit, b[4:], nil
	}
	return 0, nil, fmt.Errorf("%w: a pair's length is cut", ErrProtocol)
}

// appendParams appends the stream of params, each "NAME=value", and its end
// (§5.2). PHP reads each record by itself: a pair goes over two records only
// when it is longer than one.
func appendParams(b []byte, id uint16, params []string) []byte {
	start := len(b)
	b = openRecord(b, Params, id)
	for _, param := range params {
		name, value, _ := strings.Cut(param, "=")
		n := pairLen(name, value)
		if used := len(b) - start - headerLen; used > 0 && used+n > maxContent {
			b = closeRecord(b, start)
			start = len(b)
			b = openRecord(b, Params, id)
		}
		if n <= maxContent {
			b = AppendPair(b, name, value)
			continue
		}
		b = AppendStream(b[:start], Params, id, AppendPair(nil, name, value))
		start = len(b)
		b = openRecord(b, Params, id)
	}
	if len(b) == start+headerLen {
		return closeRecord(b, start) // nothing in it: the end of the stream
	}
	return AppendRecord(closeRecord(b, start), Params, id, nil)
}
