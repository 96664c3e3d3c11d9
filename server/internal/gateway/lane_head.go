package gateway

import (
	"net/http"
	"net/textproto"
	"strconv"
	"sync/atomic"
	"time"

	"framegate/server/internal/cgi"
)

// appendHead is the header of an answer on the lane, as net/http would write it.
func (g *Gateway) appendHead(b []byte, resp *cgi.Response) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(resp.Status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(resp.Status)...)
	b = append(b, "\r\n"...)
	field := func(name, value string) {
		b = append(b, name...)
		b = append(b, ": "...)
		b = append(b, value...)
		b = append(b, "\r\n"...)
	}
	server, date := true, true
	for _, f := range resp.Fields {
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		server = server && name != "Server" // the frame's takes the place of ours
		date = date && name != "Date"
		field(name, f.Value)
	}
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, resp.ContentLength, 10)
	b = append(b, "\r\n"...)
	if server {
		field("Server", g.opts.Software)
	}
	if date {
		field("Date", g.dates.now(time.Now()))
	}
	return append(b, "\r\n"...)
}

// dates is the time of day as Date has it, made once a second.
type dates struct{ last atomic.Pointer[dateLine] }

type dateLine struct {
	second int64
	text   string
}

func (d *dates) now(t time.Time) string {
	line := d.last.Load()
	if line == nil || line.second != t.Unix() {
		line = &dateLine{t.Unix(), t.UTC().Format(http.TimeFormat)}
		d.last.Store(line)
	}
	return line.text
}
