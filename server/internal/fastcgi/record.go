// Package fastcgi is the web server's side of FastCGI 1.0: records, and one
// connection that carries one request after another. It knows no
// configuration, no process and no HTTP. Section numbers are those of the
// FastCGI specification.
package fastcgi

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Type is what a record is (§8).
type Type uint8

// The types of records. The first three and the streams speak of one request,
// the last three of the connection.
const (
	BeginRequest    Type = 1
	AbortRequest    Type = 2
	EndRequest      Type = 3
	Params          Type = 4
	Stdin           Type = 5
	Stdout          Type = 6
	Stderr          Type = 7
	Data            Type = 8
	GetValues       Type = 9
	GetValuesResult Type = 10
	UnknownType     Type = 11
)

func (t Type) String() string {
	names := [...]string{BeginRequest: "BEGIN_REQUEST", AbortRequest: "ABORT_REQUEST", EndRequest: "END_REQUEST", Params: "PARAMS",
		Stdin: "STDIN", Stdout: "STDOUT", Stderr: "STDERR", Data: "DATA",
		GetValues: "GET_VALUES", GetValuesResult: "GET_VALUES_RESULT", UnknownType: "UNKNOWN_TYPE"}
	if int(t) < len(names) && names[t] != "" {
		return names[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Role is what an application is asked to be (§6).
type Role uint16

// The roles. A web server that runs programs wants responders.
const (
	Responder  Role = 1
	Authorizer Role = 2
	Filter     Role = 3
)

// ProtocolStatus is how a request has ended, as the protocol sees it (§5.5).
type ProtocolStatus uint8

// Only RequestComplete comes with an answer.
const (
	RequestComplete ProtocolStatus = 0
	CantMultiplex   ProtocolStatus = 1
	Overloaded      ProtocolStatus = 2
	UnknownRole     ProtocolStatus = 3
)

const (
	version   = 1
	headerLen = 8
	keepConn  = 1 // the flag of BEGIN_REQUEST

	// maxContent is the longest content that we send: the longest multiple of
	// eight, which needs no padding, that fits into sixteen bits.
	maxContent = 0xfff8
)

// ErrProtocol is what a server has sent that is not FastCGI, or not what may
// come here.
var ErrProtocol = errors.New("FastCGI protocol error")

// Header is what each record begins with (§3.3).
type Header struct {
	Type    Type
	ID      uint16 // of the request; 0 speaks of the connection
	Content uint16 // bytes of content
	Padding uint8  // bytes that follow it and mean nothing
}

// ParseHeader reads a header from the first eight bytes of b.
func ParseHeader(b []byte) (Header, error) {
	if b[0] != version {
		return Header{}, fmt.Errorf("%w: not a record of version 1: %q%s", ErrProtocol, b[:headerLen], guess(b))
	}
	return Header{
		Type:    Type(b[1]),
		ID:      binary.BigEndian.Uint16(b[2:]),
		Content: binary.BigEndian.Uint16(b[4:]),
		Padding: b[6],
	}, nil
}

// guess tells what the other side may be when it is no FastCGI server.
func guess(b []byte) string {
	switch {
	case string(b[:5]) == "HTTP/":
		return " (an HTTP server?)"
	case string(b[:7]) == "Status:", string(b[:8]) == "Content-":
		return " (an SCGI server?)"
	}
	return ""
}

// AppendHeader appends h as it goes over the wire.
func AppendHeader(b []byte, h Header) []byte {
	return append(b, version, byte(h.Type), byte(h.ID>>8), byte(h.ID), byte(h.Content>>8), byte(h.Content), h.Padding, 0)
}

// AppendRecord appends one record, padded so that the next one is aligned.
// The content must not be longer than 65535 bytes.
func AppendRecord(b []byte, t Type, id uint16, content []byte) []byte {
	start := len(b)
	b = append(openRecord(b, t, id), content...)
	return closeRecord(b, start)
}

// openRecord begins a record whose length is known when it is closed.
func openRecord(b []byte, t Type, id uint16) []byte { return AppendHeader(b, Header{Type: t, ID: id}) }

// closeRecord fills in the length of the record that begins at start.
func closeRecord(b []byte, start int) []byte {
	n := len(b) - start - headerLen
	padding := -n & 7
	binary.BigEndian.PutUint16(b[start+4:], uint16(n))
	b[start+6] = byte(padding)
	return append(b, make([]byte, padding)...)
}

// AppendStream appends content as records of a stream (§3.3). It is not ended
// by that: an empty record does.
func AppendStream(b []byte, t Type, id uint16, content []byte) []byte {
	for len(content) > 0 {
		n := min(len(content), maxContent)
		b = AppendRecord(b, t, id, content[:n])
		content = content[n:]
	}
	return b
}

// AppendBegin appends the record that begins a request (§5.1).
func AppendBegin(b []byte, id uint16, role Role, keep bool) []byte {
	flags := byte(0)
	if keep {
		flags = keepConn
	}
	return AppendRecord(b, BeginRequest, id, []byte{byte(role >> 8), byte(role), flags, 0, 0, 0, 0, 0})
}

// endLen is how long the content of END_REQUEST is.
const endLen = 8

// AppendEnd appends the record that ends a request (§5.5).
func AppendEnd(b []byte, id uint16, app uint32, status ProtocolStatus) []byte {
	var content [endLen]byte
	binary.BigEndian.PutUint32(content[:], app)
	content[4] = byte(status)
	return AppendRecord(b, EndRequest, id, content[:])
}

// ParseEnd reads the content of END_REQUEST.
func ParseEnd(content []byte) (app uint32, status ProtocolStatus, err error) {
	if len(content) < endLen {
		return 0, 0, fmt.Errorf("%w: END_REQUEST has %d bytes; want %d", ErrProtocol, len(content), endLen)
	}
	return binary.BigEndian.Uint32(content), ProtocolStatus(content[4]), nil
}
