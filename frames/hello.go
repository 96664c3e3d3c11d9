//go:build ignore

// hello.go says hello and sends back what it is sent.
// Build:  go build -o hello frames/hello.go
// By hand, without a server:  QUERY_STRING=name=Ada ./hello
package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

func main() {
	// RFC 3875 §4.1: the request comes as environment variables.
	method, query := os.Getenv("REQUEST_METHOD"), os.Getenv("QUERY_STRING")
	switch method {
	case "GET", "HEAD", "POST", "PUT":
	case "":
		method = "GET" // for a run by hand only
	default:
		// §6.3.3: a Status line, when it is not 200. §6.2: header lines, an empty line, the body.
		fmt.Print("Status: 405 Method Not Allowed\nAllow: GET, HEAD, POST, PUT\n",
			"Content-Type: text/plain; charset=utf-8\n\nonly GET, HEAD, POST and PUT\n")
		return
	}
	fmt.Print("Content-Type: text/plain; charset=utf-8\n\n") // §6.3.1
	if method == "HEAD" {
		return // §4.3.3: a HEAD has no body
	}
	_, name, _ := strings.Cut("&"+query, "&name=")
	if name, _, _ = strings.Cut(name, "&"); name == "" {
		name = "world"
	}
	fmt.Printf("hello, %s\nmethod: %s\nscript: %s\npath: %s\nquery: %s\n", decode(name),
		method, os.Getenv("SCRIPT_NAME"), os.Getenv("PATH_INFO"), query) // §4.1.13, §4.1.5

	if method == "POST" || method == "PUT" {
		var length int64 // §4.2: so many bytes wait on stdin, never read further
		fmt.Sscan(os.Getenv("CONTENT_LENGTH"), &length)
		fmt.Printf("body: %d bytes\n", length)
		io.CopyN(os.Stdout, os.Stdin, length)
	}
}

// §4.1.7: the query arrives still encoded. A "%" without two hex digits is
// only a "%", but an error for net/url: so it becomes "%25" first.
func decode(text string) string {
	for i := 0; i < len(text); i++ {
		if _, err := url.QueryUnescape(text[i:min(i+3, len(text))]); text[i] == '%' && err != nil {
			text = text[:i] + "%25" + text[i+1:]
		}
	}
	text, _ = url.QueryUnescape(text)
	return text
}
