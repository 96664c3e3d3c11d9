package testframe

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// server is a Worker at work.
type server struct {
	conn    *os.File // of the bridge wire: requests,
	answers *os.File // and answers
	in      *bufio.Reader
	ln      net.Listener // of SCGI: for all,
	client  net.Conn     // and for one
	serial  int

	vars map[string]string
	mu   sync.Mutex // held from a read of what a step has printed until it is sent
	over bool
	out  *os.File // what the steps print comes out here
}

func serve(protocol string) error {
	s := &server{}
	if protocol == "scgi" {
		return s.listen()
	}
	s.conn = os.NewFile(0, "gateway")
	var err error
	if s.answers, err = s.receive(); err != nil {
		return err
	}
	s.in = bufio.NewReaderSize(s.conn, 1<<16)
	s.word(0x80000000)
	for {
		var head [8]byte
		if _, err := io.ReadFull(s.in, head[:]); err != nil {
			return nil // the gateway has closed its end
		}
		block := make([]byte, binary.BigEndian.Uint32(head[:]))
		size := binary.BigEndian.Uint32(head[4:])
		elsewhere := size&(1<<31) != 0
		body := make([]byte, size&^(1<<31))
		io.ReadFull(s.in, block)
		io.ReadFull(s.in, body)
		s.vars = varsOf(string(block))
		for _, pair := range os.Environ() {
			name, value, _ := strings.Cut(pair, "=")
			if _, ok := s.vars[name]; !ok {
				s.vars[name] = value
			}
		}
		if err := s.answer(strings.NewReader(string(body)), elsewhere); err != nil {
			return err
		}
	}
}

func rawStart(text string) error {
	s := &server{conn: os.NewFile(0, "gateway")}
	answers, err := s.receive()
	if err == nil {
		err = write(answers, text)
	}
	return err
}

func closeWire() error {
	s := &server{conn: os.NewFile(0, "gateway")}
	answers, err := s.receive()
	if err != nil {
		return err
	}
	return errors.Join(answers.Close(), s.conn.Close())
}

func varsOf(block string) map[string]string {
	vars := map[string]string{}
	list := strings.Split(block, "\x00")
	for i := 0; i+1 < len(list); i += 2 {
		vars[list[i]] = list[i+1]
	}
	return vars
}

func (s *server) listen() error {
	var err error
	if s.ln, err = net.FileListener(os.NewFile(0, "listener")); err != nil {
		return err
	}
	for {
		if s.client, err = s.ln.Accept(); err != nil {
			return err
		}
		in := bufio.NewReader(s.client)
		length, err := in.ReadString(':')
		n, aerr := strconv.Atoi(strings.TrimSuffix(length, ":"))
		if err != nil || aerr != nil {
			return errors.Join(err, aerr)
		}
		block := make([]byte, n+1)
		if _, err := io.ReadFull(in, block); err != nil || block[n] != ',' {
			return fmt.Errorf("netstring: %w, %q", err, block)
		}
		s.vars = varsOf(string(block[:n]))
		size, err := strconv.ParseInt(s.vars["CONTENT_LENGTH"], 10, 64)
		if err != nil {
			return err
		}
		if err := s.answer(io.LimitReader(in, size), false); err != nil {
			return err
		}
	}
}

// answer does the steps of one request.
func (s *server) answer(body io.Reader, elsewhere bool) error {
	s.serial++
	s.over = false
	query, err := url.QueryUnescape(s.vars["QUERY_STRING"])
	if err != nil {
		return err
	}
	var steps []Step
	for _, text := range strings.Split(query, stepSeparator) {
		step, err := decode(text)
		if err != nil {
			return err
		}
		steps = append(steps, step)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	s.out = r
	stdin, stdout := os.Stdin, os.Stdout
	defer func() { os.Stdin, os.Stdout = stdin, stdout }()
	os.Stdout = w
	if os.Stdin, err = s.stdin(body, elsewhere, steps); err != nil {
		return err
	}
	defer os.Stdin.Close()
	pumped := make(chan struct{})
	go func() {
		defer close(pumped)
		s.pump(int(r.Fd()))
	}()
	shared := false
	for _, step := range steps {
		if err := s.do(step); err != nil {
			fmt.Fprintf(os.Stderr, "testframe: %s: %v\n", step.name, err)
		}
		s.settle()
		shared = shared || step.name == "grandchild"
	}
	s.end(0)
	w.Close()
	if !shared { // else what they print goes nowhere
		<-pumped
		r.Close()
	}
	return nil
}

// stdin is the body as a file. It is only asked for when a step reads it.
func (s *server) stdin(body io.Reader, elsewhere bool, steps []Step) (*os.File, error) {
	reads := false
	for _, step := range steps {
		reads = reads || step.name == "readall" || step.name == "count" || step.name == "echo"
	}
	if elsewhere && reads {
		return s.ask()
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		defer w.Close()
		io.Copy(w, body)
	}()
	return r, nil
}

// ask gets the descriptor of a body that is elsewhere.
func (s *server) ask() (*os.File, error) {
	s.word(0xC0000000)
	return s.receive()
}

// receive gets a descriptor from the gateway.
func (s *server) receive() (*os.File, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	for {
		_, n, _, _, err := unix.Recvmsg(int(s.conn.Fd()), make([]byte, 1), oob, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		messages, err := unix.ParseSocketControlMessage(oob[:n])
		if err != nil || len(messages) != 1 {
			return nil, fmt.Errorf("%d messages of descriptors: %w", len(messages), err)
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil || len(fds) != 1 {
			return nil, fmt.Errorf("%d descriptors: %w", len(fds), err)
		}
		return os.NewFile(uintptr(fds[0]), "body"), nil
	}
}

func (s *server) do(step Step) error {
	switch step.name {
	case "over":
		s.end(number(step.args[0]))
	case "raw":
		_, err := s.to().Write([]byte(step.args[0]))
		return err
	case "closeconn":
		if s.client != nil {
			s.client.Close() // the end of an answer has done so
			return errors.Join(s.ln.Close(), syscall.Close(0))
		}
		return errors.Join(s.conn.Close(), s.answers.Close())
	case "var":
		return write(os.Stdout, s.vars[step.args[0]])
	case "serial":
		return write(os.Stdout, strconv.Itoa(s.serial))
	default:
		return step.runWith(s.do)
	}
	return nil
}

func (s *server) to() io.Writer {
	if s.client != nil {
		return s.client
	}
	return s.answers
}

func (s *server) word(n uint32) {
	s.answers.Write(binary.BigEndian.AppendUint32(nil, n))
}

// pump sends what the steps print, while they do.
func (s *server) pump(fd int) {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if err != nil && err != syscall.EINTR {
			return
		}
		if !s.sendSome(fd) {
			return
		}
	}
}

// sendSome reports false at the end of what is printed.
func (s *server) sendSome(fd int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil || waiting == 0 {
		polled, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return err == nil && polled == 0
	}
	buf := make([]byte, waiting)
	n, err := unix.Read(fd, buf)
	if err != nil || s.over {
		return err == nil
	}
	if s.client == nil {
		s.word(uint32(n))
	}
	_, err = s.to().Write(buf[:n])
	return err == nil
}

// settle returns when everything that was printed is sent.
func (s *server) settle() {
	fd := int(s.out.Fd())
	for {
		s.mu.Lock()
		waiting, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
		s.mu.Unlock()
		if err != nil || waiting == 0 {
			return
		}
		s.sendSome(fd)
	}
}

// end ends the answer, once.
func (s *server) end(status int) {
	s.settle()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.over = true
	if s.client != nil {
		s.client.Close()
		return
	}
	s.word(0x80000000 | uint32(status))
}
