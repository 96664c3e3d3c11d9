package gateway

import (
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"framegate/server/internal/capture"
	"framegate/server/internal/devpage"
)

// commands are what makes the exchange again in a shell.
func (g *Gateway) commands(ans *answer, x *capture.Exchange, s *sight) []devpage.Command {
	var list []devpage.Command
	if s != nil && g.cfg.Capture.On != "off" && g.cfg.Capture.Path != "" {
		list = append(list, g.replay(x))
	}
	line, note := g.again(ans.r, x, s)
	return append(list, devpage.Command{Name: "Again", Line: line, Note: note})
}

// replay is how the capture is run. It is written when the answer has gone: one
// that cannot be is not offered, but said, as a comment of the shell's.
func (g *Gateway) replay(x *capture.Exchange) devpage.Command {
	dir := g.cfg.Capture.Path
	if err := capture.CheckWritable(dir); err != nil {
		return devpage.Command{Name: "Replay", Line: "# there is no capture: " + devpage.Word(g.nearPath(dir)) + " cannot be written",
			Note: "It would run the same program without the gateway, but: " + err.Error() + "."}
	}
	return devpage.Command{Name: "Replay", Line: "sh " + devpage.Word(g.nearPath(filepath.Join(dir, capture.FileName(x)))),
		Note: "The same program with the same environ, directory and stdin, without the gateway."}
}

// nearPath is a path from the developer's directory, if it leads down from
// there.
func (g *Gateway) nearPath(path string) string {
	if rel, err := filepath.Rel(g.dev.shell.Dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// again is the command that sends the request once more. A body that is no
// text is not in it: whoever has it puts it into the file that it names.
func (g *Gateway) again(r *http.Request, x *capture.Exchange, s *sight) (line, note string) {
	words := append([]string{"framegate", "run"}, g.opts.Source...)
	if g.opts.Source == nil && g.cfg.File != "" {
		words = append(words, "-c", g.cfg.File)
	}
	words = append(words, "-X", r.Method, "-H", "Host: "+r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name == "Content-Length" {
			continue
		}
		for _, value := range r.Header[name] {
			words = append(words, "-H", name+": "+value)
		}
	}
	note = "The same request through the gateway's own code, without a port; --env shows what the program is given, --raw what it prints."
	if r.ContentLength != 0 {
		body, whole := sentBody(r, x, s)
		if whole && textBody(body) {
			words = append(words, "-d", string(body))
		} else {
			words = append(words, "-d", "@BODY")
			note = "BODY is a file with the request's body, which is too long for a command line, or no text."
		}
	}
	words = append(words, r.RequestURI)
	for i, w := range words {
		words[i] = devpage.Word(w)
	}
	return strings.Join(words, " "), note
}
