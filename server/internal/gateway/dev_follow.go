package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	devPrefix = "/.framegate/"
	livePath  = devPrefix + "live"

	settleTime = 60 * time.Millisecond  // editors save in several steps
	quietTime  = 200 * time.Millisecond // behind a run: what changes then is its own doing
	lookTime   = 2 * time.Second        // for file systems that tell of nothing
)

// serveDev answers what pages under --dev ask. Whoever has not seen one, on
// this machine, finds nothing here.
func (g *Gateway) serveDev(ans *answer, r *http.Request, path string) error {
	ans.dropBody()
	if path != livePath || r.Method != http.MethodPost || !g.shows(r) || !sameOrigin(r) {
		return errNotFound
	}
	k := g.dev.kept.find(r.Header.Get("Framegate-Token"))
	if k == nil {
		return errNotFound
	}
	h := ans.w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	ans.writeHeader(http.StatusOK)
	wishes := strings.Fields(r.Header.Get("Framegate-Run"))
	f := &follow{g: g, ans: ans, kept: k, runs: k.safe}
	for _, wish := range wishes {
		f.runs = f.runs || wish == "saved"
		f.now = f.now || wish == "now"
	}
	f.until(r.Context())
	return nil
}

// sameOrigin reports whether the request comes from a page of this very
// server, as far as the browser tells. Without a browser it is the token that
// counts.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origin := r.Header.Get("Origin")
	return origin == "" || origin == scheme(r)+"://"+r.Host
}

// news is one line of what the page is told.
type news struct {
	Kind   string `json:"kind"`
	Files  string `json:"files,omitempty"` // that are watched
	File   string `json:"file,omitempty"`  // that has changed
	Why    string `json:"why,omitempty"`
	Status int    `json:"status,omitempty"`
	Main   string `json:"main,omitempty"` // the new page
}

// follow keeps one page up to date: it runs the page's request again when a
// file has changed. All but the run itself happens in the goroutine of the
// connection that the page keeps.
type follow struct {
	g    *Gateway
	ans  *answer
	kept *kept
	runs bool // a change runs the request again; else the page is told
	now  bool // the page wants a run at once

	tree    *tree
	failed  error        // a write to the page
	result  chan outcome // of the run under way
	stop    func()       // stops it; nil without one
	settle  *time.Timer  // until the file that has changed is whole
	looks   *time.Ticker //
	file    string       // what has changed
	own     bool         // and that it is the program
	chain   bool         // and that the run itself may have changed it
	chained bool         // the latest run was for such a change: the next one would be, too
	quiet   time.Time    // until when changes may be the run's
	ran     bool         // since the last look
	wait    sync.WaitGroup
}

// until serves the page until it goes or the server stops.
func (f *follow) until(ctx context.Context) {
	defer f.wait.Wait()
	defer f.interrupt()
	f.tree = newTree(&f.kept.program, f.g.cfg.Capture.Path)
	defer f.tree.close()
	f.result = make(chan outcome, 1)
	f.settle, f.looks = time.NewTimer(time.Hour), time.NewTicker(lookTime)
	defer f.settle.Stop()
	defer f.looks.Stop()
	f.begin(ctx)
	for f.failed == nil {
		select {
		case <-ctx.Done():
			return
		case <-f.g.dev.ended:
			return
		case e := <-f.tree.events():
			if f.tree.isOwn(e.Name) {
				f.heard(e.Name, true)
			}
		case <-f.tree.errors(): // events were lost: the next look finds what they were about
		case file := <-f.tree.saved:
			if !f.tree.isOwn(file) {
				f.heard(file, false)
			}
		case <-f.settle.C:
			f.settled(ctx)
		case <-f.looks.C:
			f.look(ctx)
		case out := <-f.result:
			f.finish(ctx, out)
		}
	}
}

// begin catches up with what happened while nobody was here.
func (f *follow) begin(ctx context.Context) {
	err := f.tree.watch()
	f.tree.stamps = f.kept.resume()
	missed := cmp.Or(f.tree.look(true), f.tree.since(f.kept.last()))
	f.kept.leave(f.tree.stamps)
	if err != nil {
		f.say(news{Kind: "unwatched", Why: err.Error()})
	} else {
		f.say(news{Kind: "watching", Files: f.tree.String()})
	}
	switch {
	case f.now:
		f.run(ctx, "")
	case missed != "":
		f.file = missed
		f.settled(ctx)
	}
}

// heard takes down that a file has changed. A program may write files while it
// runs: for such a change it is run once more, not for ever, and not at all
// when that could do something twice.
func (f *follow) heard(file string, own bool) {
	during := !own && (f.stop != nil || f.tree.modified(file).Before(f.quiet))
	if during && (f.chained || !f.kept.safe) {
		return
	}
	if f.file == "" || own {
		f.file = file
	}
	f.ask()
	f.own = f.own || own
	f.chain = during && !f.own
	f.settle.Reset(settleTime)
}

// settled runs the request again because of the file that has changed, or
// tells the page of it.
func (f *follow) settled(ctx context.Context) {
	switch {
	case f.file == "", ctx.Err() != nil:
	case f.stop != nil && f.own && f.runs:
		f.interrupt() // the program that runs is not the one that is there now; it may hang
	case f.stop != nil: // wait for it
	case f.runs:
		f.chained = f.chain
		f.run(ctx, f.tree.name(f.file))
	default:
		f.say(news{Kind: "changed", File: f.tree.name(f.file)})
		f.forget()
	}
}

func (f *follow) forget() { f.file, f.own, f.chain = "", false, false }

// look sees whether the page is still there, and compares the files
// themselves.
func (f *follow) look(ctx context.Context) {
	f.ask()
	if f.stop != nil || f.file != "" || time.Now().Before(f.quiet) {
		return
	}
	file := f.tree.look(f.ran)
	f.ran = false
	f.kept.leave(f.tree.stamps)
	if file != "" {
		f.file = file
		f.settled(ctx)
	}
}

// run runs the request again, in a goroutine of its own: the next change may
// have to stop it.
func (f *follow) run(ctx context.Context, file string) {
	f.say(news{Kind: "running", File: file})
	f.forget()
	f.tree.look(false)
	runs, cancel := context.WithCancelCause(f.kept.request.Context())
	detach := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	f.stop = func() {
		detach()
		cancel(errClientGone)
	}
	f.wait.Go(func() { f.result <- f.g.repeat(runs, f.kept) })
}

func (f *follow) interrupt() {
	if f.stop != nil {
		f.stop()
	}
}

// finish tells the page what became of a run.
func (f *follow) finish(ctx context.Context, out outcome) {
	f.stop()
	f.stop, f.ran = nil, true
	f.quiet = time.Now().Add(quietTime)
	switch {
	case out.gone:
	case out.main != nil:
		f.say(news{Kind: "failed", Status: out.status, Main: string(out.main), Files: f.tree.String()})
	case out.cut:
		f.say(news{Kind: "cut"})
	default:
		f.say(news{Kind: "answered", Status: out.status})
	}
	if f.file != "" {
		f.settled(ctx)
	}
}

// pageTime bounds a write to a page that does not read.
const pageTime = 10 * time.Second

func (f *follow) say(n news) {
	line, err := json.Marshal(n)
	if err != nil {
		f.failed = err
		return
	}
	f.write(append(line, '\n'))
}

// ask sees whether the page is still there: what answers, when it has gone, is
// a reset, which ends the request's context.
func (f *follow) ask() { f.write([]byte("\n")) }

func (f *follow) write(line []byte) {
	f.ans.boundWrites(pageTime, time.Time{})
	if err := f.ans.write(line); err != nil {
		f.failed = err
	}
	f.ans.flush()
	f.ans.unboundWrites()
}
