package gateway

import (
	"net/http"
	"net/textproto"
	"strconv"
	"time"

	"framegate/server/internal/cgi"
)

// appendHead is the header of an answer on the lane, as net/http would write it.
func (n *lane) appendHead(b []byte, software string, resp *cgi.Response) []byte {
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
		field("Server", software)
	}
	if date {
		field("Date", n.dates.at(n.loop.Now()))
	}
	return append(b, "\r\n"...)
}

// common is the fields that are the server's own.
func (n *lane) common(software string) []byte {
	date := n.dates.at(n.loop.Now())
	if date != n.commonDate || software != n.commonSoftware {
		n.commonDate, n.commonSoftware = date, software
		n.commonFields = []byte("Server: " + software + "\r\nDate: " + date + "\r\n")
	}
	return n.commonFields
}

// dates is the time of day as Date has it, made once a second.
type dates struct {
	second int64
	text   string
}

func (d *dates) at(t time.Time) string {
	if second := t.Unix(); second != d.second {
		d.second, d.text = second, t.UTC().Format(http.TimeFormat)
	}
	return d.text
}
