package static

import (
	"bytes"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// serveListing answers with a page of the directory's files.
func (f *Files) serveListing(w http.ResponseWriter, r *http.Request, dir entry) error {
	rows, err := f.readDir(dir)
	if err != nil {
		return &Error{http.StatusInternalServerError, fmt.Errorf("static directory: %w", err)}
	}
	page := listingPage(dir.name, rows)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(page)))
	// The directory's own time doesn't tell when a file in it has grown: no
	// validator, so nothing to keep.
	h.Set("Cache-Control", "no-store")
	// Names are escaped; this is for the day that one is not.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := w.Write(page); err != nil {
		return cut(dir.name, err)
	}
	return nil
}

// row is one line of a listing.
type row struct {
	name     string
	dir      bool
	size     int64
	modified time.Time
}

// readDir is what in dir would be served, directories first, each kind by
// name. A symbolic link is listed as what it leads to, and not at all if that
// is outside.
func (f *Files) readDir(dir entry) ([]row, error) {
	entries, err := dir.file.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	rows := make([]row, 0, len(entries))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && !f.opts.Dotfiles {
			continue
		}
		var info os.FileInfo
		if e.Type()&os.ModeSymlink != 0 {
			info, err = f.tree.stat(path.Join(dir.name, e.Name()))
		} else {
			info, err = e.Info()
		}
		if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
			continue // gone meanwhile, or not served
		}
		rows = append(rows, row{e.Name(), info.IsDir(), info.Size(), info.ModTime()})
	}
	slices.SortFunc(rows, func(a, b row) int {
		if a.dir != b.dir {
			if a.dir {
				return -1
			}
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	return rows, nil
}

const listingHead = `<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%[1]s</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.25rem; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%% }
td { padding: .2rem .5rem; border-bottom: 1px solid #8884; overflow-wrap: anywhere }
td + td { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
</style>
</head>
<body>
<h1>%[1]s</h1>
<table>
`

func listingPage(name string, rows []row) []byte {
	title := "/"
	if name != "." {
		title = "/" + name + "/"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, listingHead, text8(title))
	if title != "/" {
		b.WriteString("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n")
	}
	for _, row := range rows {
		slash, size := "", humanSize(row.size)
		if row.dir {
			slash, size = "/", ""
		}
		date := row.modified.UTC()
		// "./", or a name like "javascript:x" would be a scheme (RFC 3986 §4.2).
		fmt.Fprintf(&b, "<tr><td><a href=\"./%s%s\">%s%s</a></td><td>%s</td><td><time datetime=\"%s\">%s</time></td></tr>\n",
			html.EscapeString(url.PathEscape(row.name)), slash, text8(row.name), slash, size,
			date.Format(time.RFC3339), date.Format("2006-01-02 15:04"))
	}
	b.WriteString("</table>\n</body>\n</html>\n")
	return b.Bytes()
}

// text8 is a file name, which may be any bytes, as HTML text in UTF-8.
func text8(name string) string { return html.EscapeString(strings.ToValidUTF8(name, "\uFFFD")) }

func humanSize(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	value, unit := float64(n)/1024, 0
	for value >= 1023.95 && unit < len("KMGTPE")-1 {
		value /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTPE"[unit])
}
