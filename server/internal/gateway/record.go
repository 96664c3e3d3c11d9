package gateway

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"framegate/server/internal/httpguard"
	"framegate/server/internal/process"
)

// record is what the log will say of one request.
type record struct {
	id      string
	started time.Time
	remote  string
	method  string
	host    string
	uri     string
	proto   string
	scheme  string // as a trusted proxy has told it, else ""
	bytesIn int64

	frame     string // "" for a static file
	mode      string
	pid       int
	address   string // of what somebody else has started
	exit      *process.Exit
	brief     bool // it had ended before its output was read
	queued    time.Duration
	spawned   time.Duration
	firstByte time.Duration

	asked bool   // the client may have, and wants, a capture
	sight *sight // of the last exchange, nil when nobody looks on

	warning string // the answer stands, but something was not right
	faulty  bool   // and that was the frame's fault
	err     error
}

func newRecord(r *http.Request) *record {
	return &record{
		id: newID(), started: time.Now(), remote: r.RemoteAddr,
		method: r.Method, host: r.Host, uri: r.RequestURI, proto: r.Proto,
	}
}

// newID is a request's id. It is a name, not a secret; this source of
// randomness is the system's all the same, without its system call.
func newID() string {
	var id [8]byte
	binary.BigEndian.PutUint64(id[:], rand.Uint64())
	return hex.EncodeToString(id[:])
}

// refuse takes over what httpguard could read of a refused request.
func (rec *record) refuse(v *httpguard.Refusal) {
	rec.method, rec.host, rec.uri, rec.proto = v.Method, "", v.Target, v.Proto
}

// warn notes something that does not change the answer; the first one counts.
func (rec *record) warn(what string) {
	if rec.warning == "" {
		rec.warning = what
	}
}

// fault is a warning of something that makes a failure of the exchange,
// although the answer stands.
func (rec *record) fault(what string) {
	rec.warn(what)
	rec.faulty = true
}

// failed is why the exchange is a failure of the frame, "" when it is none:
// clients that go away, or send half of a body, and servers that stop are none
// of the frame's doing.
func (rec *record) failed(status int) string {
	var f *failure
	switch {
	case rec.err == errShutdown, errors.As(rec.err, &f) && f.status < 500:
		return ""
	case rec.err != nil:
		return rec.err.Error()
	case rec.faulty:
		return rec.warning
	case status >= 500:
		return fmt.Sprintf("the program answered %d", status)
	}
	return ""
}

// log writes the one record of a request.
func (g *Gateway) log(ans *answer, rec *record) {
	e := g.opts.Log.WithLevel(rec.level(ans.status))
	e.Str("request_id", rec.id).Str("remote", rec.remote).Str("method", rec.method).
		Str("host", rec.host).Str("uri", rec.uri).Str("proto", rec.proto).
		Int("status", ans.status).Int64("bytes_in", rec.bytesIn).Int64("bytes_out", ans.bytes).
		Float64("duration_ms", ms(time.Since(rec.started)))
	if rec.frame != "" {
		rec.logFrame(e)
	}
	switch {
	case rec.err != nil:
		e.Str("error", rec.err.Error())
	case rec.warning != "":
		e.Str("error", rec.warning)
	}
	e.Send()
}

func (rec *record) logFrame(e *zerolog.Event) {
	e.Str("frame", rec.frame).Str("mode", rec.mode).Float64("queue_ms", ms(rec.queued))
	switch {
	case rec.address != "":
		e.Str("address", rec.address)
	case rec.pid == 0:
		return
	default:
		e.Int("pid", rec.pid)
	}
	e.Float64("spawn_ms", ms(rec.spawned))
	if rec.firstByte > 0 {
		e.Float64("first_byte_ms", ms(rec.firstByte))
	}
	if x := rec.exit; x != nil && (rec.address == "" || x.Code > 0) {
		e.Int("exit_code", x.Code)
		if x.Signal != 0 {
			e.Str("signal", signalName(x.Signal))
		}
		if x.MaxRSSKiB > 0 {
			e.Float64("cpu_ms", ms(x.CPU)).Int64("max_rss_kib", x.MaxRSSKiB)
		}
	}
}

func (rec *record) level(status int) zerolog.Level {
	switch {
	case rec.err != nil && status >= 500, rec.err != nil && status < 400:
		return zerolog.ErrorLevel
	case rec.warning != "":
		return zerolog.WarnLevel
	}
	return zerolog.InfoLevel
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
