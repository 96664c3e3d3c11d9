// A warm frame: SCGI on descriptor 0, one request after the other.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
)

func main() {
	listener, err := net.FileListener(os.Stdin)
	for asked := 1; err == nil; asked++ {
		var connection net.Conn
		if connection, err = listener.Accept(); err != nil {
			break
		}
		r := bufio.NewReader(connection)
		size, _ := r.ReadString(':') // the environ is a netstring: LENGTH ":" (NAME NUL VALUE NUL)* ","
		n, _ := strconv.Atoi(strings.TrimSuffix(size, ":"))
		block := make([]byte, n+1)
		io.ReadFull(r, block)
		environ := map[string]string{}
		for texts := strings.Split(string(block), "\x00"); len(texts) > 1; texts = texts[2:] {
			environ[texts[0]] = texts[1]
		}
		length, _ := strconv.ParseInt(environ["CONTENT_LENGTH"], 10, 64)
		read, _ := io.CopyN(io.Discard, r, length)
		fmt.Fprintf(connection, "Content-Type: text/plain; charset=utf-8\n\nhello, %s\nasked: %d\nbody: %d bytes\n", environ["PATH_INFO"], asked, read)
		connection.Close()
	}
	fmt.Fprintln(os.Stderr, err)
}
