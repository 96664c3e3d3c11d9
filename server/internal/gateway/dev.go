package gateway

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"framegate/server/internal/capture"
	"framegate/server/internal/cgi"
	"framegate/server/internal/devpage"
	"framegate/server/internal/lint"
)

// dev is what a gateway under --dev has besides.
type dev struct {
	shell    *devpage.Shell
	renderer *devpage.Renderer
	kept     keptList
	ended    chan struct{} // closed when the server stops
	end      func()
}

func newDev() *dev {
	d := &dev{shell: ownShell(), renderer: devpage.NewRenderer(), ended: make(chan struct{})}
	d.end = sync.OnceFunc(func() { close(d.ended) })
	return d
}

// stop ends the connections that pages keep.
func (d *dev) stop() {
	if d != nil {
		d.end()
	}
}

// ownShell is the surroundings that the gateway was started in: those of the
// developer's shell, most often.
func ownShell() *devpage.Shell {
	s := &devpage.Shell{Env: os.Environ(), Umask: ownUmask()}
	s.Dir, _ = os.Getwd()
	if u, err := user.Current(); err == nil {
		s.User = u.Username
	}
	return s
}

// ownUmask is the gateway's own umask, -1 where it cannot be had: the system
// call sets a new one, and other threads make files meanwhile.
func ownUmask() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return -1
	}
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("Umask:")); ok {
			if mask, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 8, 16); err == nil {
				return int(mask)
			}
		}
	}
	return -1
}

// shows reports whether the client may see causes: one on this machine that
// has asked for this machine, and no page of another site on its behalf.
func (g *Gateway) shows(r *http.Request) bool {
	return g.dev != nil && fromThisMachine(r) && toThisMachine(r) && !embedded(r)
}

// fromThisMachine reports whether the client is on the loopback interface. One
// that a proxy there speaks for is not: a trusted proxy has told its address,
// another one at least that there is somebody behind it. Behind a Unix socket
// there may be anybody.
func fromThisMachine(r *http.Request) bool {
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// toThisMachine reports whether Host names the loopback interface. Another
// site may have its name resolve to 127.0.0.1, and its pages would then be of
// one origin with ours.
func toThisMachine(r *http.Request) bool {
	name := strings.ToLower(strings.TrimSuffix(hostName(r.Host), "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// embedded reports whether a page of another site has made the request for
// itself: as a script or an image, or to read the answer.
func embedded(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// devPage is the body of an error answer that tells everything.
func (g *Gateway) devPage(ans *answer, rec *record, f *failure) (contentType string, page []byte) {
	s := rec.sight
	if s != nil && (s.spec == nil || s.frame.cfg.Name != rec.frame) {
		s = nil // it never came to a process
	}
	p := g.pageOf(ans, rec, f, s)
	if !strings.Contains(ans.r.Header.Get("Accept"), "text/html") {
		return "text/plain; charset=utf-8", p.Text()
	}
	if w, ok := ans.w.(*repeat); ok { // it is shown in the place of the one before
		w.kept.ran(p.Exchange)
		var err error
		if w.main, err = g.dev.renderer.Main(p); err != nil {
			g.opts.Log.Error().Err(err).Str("request_id", rec.id).Msg("the page under --dev")
		}
		return "text/html; charset=utf-8", nil
	}
	switch program := p.Exchange.Program; {
	case s != nil:
		p.Live = g.live(ans, p.Exchange, s, program)
	case f.script != "":
		program.File, program.Dir = f.script, filepath.Dir(f.script)
		p.Live = g.live(ans, p.Exchange, nil, program)
	}
	nonce := randomText()
	page, err := g.dev.renderer.HTML(p, nonce)
	if err != nil {
		g.opts.Log.Error().Err(err).Str("request_id", rec.id).Msg("the page under --dev")
		return "text/plain; charset=utf-8", p.Text()
	}
	for name, value := range devpage.Headers(nonce) {
		ans.w.Header().Set(name, value)
	}
	return "text/html; charset=utf-8", page
}

// pageOf gathers what there is to show of a failure; s is nil where no process
// was to be started.
func (g *Gateway) pageOf(ans *answer, rec *record, f *failure, s *sight) *devpage.Page {
	p := &devpage.Page{Status: f.status, Sentence: f.sentence, BadByte: -1}
	if f.cause != nil {
		p.Cause = f.cause.Error()
	}
	var malformed *cgi.HeaderError
	if errors.As(f.cause, &malformed) {
		p.BadByte = int64(malformed.Offset)
	}
	if s == nil {
		p.Exchange = (&sight{request: ans.r, begun: rec.started}).outline(rec)
	} else {
		p.Exchange = s.soFar(ans, rec)
		p.Exchange.Failure = f.Error()
		p.Exchange.Answer.Status = f.status
		p.Findings = lint.Exchange(p.Exchange)
		p.Shell, p.User = g.dev.shell, s.frame.cfg.User
		if said, hint := bridgeSaid(p.Exchange.Stderr.Last); s.frame.bridge != nil && said != "" {
			p.Cause, p.Hint = said, hint
			p.Sentence = strings.TrimSuffix(p.Sentence, " Its log says why.") // here it is
		}
	}
	if rec.frame != "" {
		p.Commands = g.commands(ans, p.Exchange, s)
	} else if f.status == http.StatusNotFound {
		for _, route := range g.Routes() {
			p.Served = append(p.Served, devpage.Route{URL: route.URL, Runs: route.Runs})
		}
	}
	return p
}

// bridgeSaid is a bridge's verdict on its app, and its hint.
func bridgeSaid(stderr []string) (said, hint string) {
	for _, line := range stderr {
		if text, ok := strings.CutPrefix(line, "framegate: "); ok && !strings.HasPrefix(line, string(bridgeWarning)) {
			said, hint = text, ""
		} else if text, ok := strings.CutPrefix(line, "hint: "); ok && said != "" {
			hint = text
		}
	}
	return said, hint
}

// soFar is the exchange as it is now, while its goroutines go on.
func (s *sight) soFar(ans *answer, rec *record) *capture.Exchange {
	x := s.whole(ans, rec)
	s.mu.Lock()
	defer s.mu.Unlock()
	x.Events = slices.Clone(x.Events)
	return x
}

// live keeps the request, so that the page may have it run again when a file
// of the program changes.
func (g *Gateway) live(ans *answer, x *capture.Exchange, s *sight, program capture.Program) *devpage.Live {
	r := ans.r
	if r.Method == http.MethodHead {
		return nil // nobody sees the page
	}
	k := &kept{token: randomText(), request: r.Clone(surroundings(r)), program: program, safe: safeMethod(r.Method)}
	live := &devpage.Live{Path: livePath, Token: k.token, Asks: !k.safe, Method: r.Method}
	body, whole := sentBody(r, x, s)
	if !whole {
		live.Cannot = "its body was not kept"
		return live
	}
	k.body = body
	k.request.Body = nil // the client's connection must not be read later
	k.ran(x)
	g.dev.kept.add(k)
	return live
}

// safeMethod reports whether requests with this method change nothing (RFC
// 9110 §9.2.1).
func safeMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// sentBody is the body of the request, if all of it is at hand.
func sentBody(r *http.Request, x *capture.Exchange, s *sight) (body []byte, whole bool) {
	switch {
	case r.ContentLength == 0:
		return nil, true
	case s == nil, s.request.Method != r.Method, s.request.ContentLength != r.ContentLength: // it was redirected
		return nil, false
	case !x.Stdin.Whole(), x.Stdin.Size > spoolMemory, r.ContentLength > x.Stdin.Size:
		return nil, false
	}
	return slices.Clone(x.Stdin.Head), true
}

// textBody reports whether a body fits on a command line.
func textBody(body []byte) bool {
	return len(body) <= 4<<10 && !bytes.HasPrefix(body, []byte("@")) && devpage.Readable(string(body))
}

// randomText is 128 bits that nobody can guess.
func randomText() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// awaitLastWords waits a moment for a process whose failure will be shown: how
// it ends and what it says to that belong on the page.
func (x *exchange) awaitLastWords(err error) {
	if err == errClientGone || !x.g.shows(x.ans.r) || x.kept != nil && x.atEnd && x.kept.Ending().Lost == nil {
		return
	}
	timer := time.NewTimer(devPatience)
	defer timer.Stop()
	select {
	case <-x.run.Done():
		exit := x.run.Wait() // its stderr ends with it, nearly
		x.rec.exit = &exit
	case <-timer.C:
	}
}

// devPatience is how long the page waits for a process that is being stopped:
// its exit and its last words belong there.
const devPatience = 500 * time.Millisecond
