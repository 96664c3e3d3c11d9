package demo_test

import (
	"fmt"
	"html"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"framegate/server/internal/servertest"
)

// TestMiniFrame runs the unit tests that are written in the app's own
// language, and those about locks on MariaDB, too.
func TestMiniFrame(t *testing.T) {
	run := func(t *testing.T, python, stockDB string, tests ...string) {
		t.Helper()
		cmd := exec.Command(python, append([]string{"-W", "error::ResourceWarning", "mini_frame_test.py"}, tests...)...)
		cmd.Env = append(os.Environ(), "STOCK_TEST_DB="+stockDB)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("mini_frame_test.py: %v\n%s", err, out)
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		run(t, servertest.Require(t, "apt-get install python3", "python3"), "")
	})
	t.Run("mariadb", func(t *testing.T) {
		run(t, pythonWithPyMySQL(t), startMariaDB(t).create(t), "AtOnce")
	})
}

// A database is one that the site runs on.
type database struct {
	interpreter string
	fresh       func(t *testing.T) string // the STOCK_DB of an empty one
}

// forEachDatabase runs test once on SQLite and once on MariaDB.
func forEachDatabase(t *testing.T, test func(t *testing.T, db database)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, database{fresh: func(*testing.T) string { return "" }}) // data/stock.db in the copy
	})
	t.Run("mariadb", func(t *testing.T) {
		server := startMariaDB(t)
		test(t, database{interpreter: pythonWithPyMySQL(t), fresh: server.create})
	})
}

func TestBoard(t *testing.T) {
	forEachDatabase(t, func(t *testing.T, db database) {
		site := startSite(t, db.fresh(t), db.interpreter).URL
		v := newVisitor(t, site)
		t.Run("pages", func(t *testing.T) { testPages(t, v) })
		t.Run("search", func(t *testing.T) { testSearch(t, v) })
		t.Run("follow", func(t *testing.T) { testFollow(t, v) })
		t.Run("note", func(t *testing.T) { testNote(t, v) })
		t.Run("refused", func(t *testing.T) { testRefused(t, v) })
		t.Run("unfollow", func(t *testing.T) { testUnfollow(t, v) })
	})
}

func testPages(t *testing.T, v *visitor) {
	for _, test := range []struct {
		path, want string
		status     int
	}{
		{"/", "股票行情", 200},
		{"/index.html", "股票行情", 200},
		{"/index.py", "股票行情", 200},
		{"/center.py", "还没有关注任何股票。", 200},
		{"/center.html?lang=en", "You do not follow any stock yet.", 200},
		{"/?lang=zh", "股票行情", 200},
		{"/add/000007.html", "要关注 全新好 吗", 200},
		{"/add/000008.html", "没有代码为 000008 的股票。", 404},
		{"/nothing.html", "没有这个页面。", 404},
		{"/board.css", "prefers-color-scheme", 200},
		{"/nothing.css", "这里没有这个文件。", 404},
		{"/frames/mini_frame.py", "没有这个页面。", 404},
		{"/hello/sh", "script: /hello/sh\n", 200},
		{"/hello/perl", "script: /hello/perl\n", 200},
		{"/hello/awk", "script: /hello/awk\n", 200},
		{"/hello/python", "script: /hello/python\n", 200},
	} {
		status, page := v.get(test.path)
		if status != test.status || !strings.Contains(page, test.want) {
			t.Errorf("GET %s: got %d %.200q; want %d and %q", test.path, status, page, test.status, test.want)
		}
	}
	if _, page := v.get("/"); len(rows(page)) != stocks {
		t.Errorf("GET /: got %d stocks; want %d", len(rows(page)), stocks)
	}
}

func testSearch(t *testing.T, v *visitor) {
	for _, test := range []struct {
		search string
		want   []string
	}{
		{"600519", []string{"600519"}},
		{"平安", []string{"000001", "601318"}},
		{"tcl", []string{"000100"}},
		{"%", nil},
		{"60051_", nil},
		{"6%9", nil},
		{"!", nil},
		{`\`, nil},
		{`\%`, nil},
		{"' OR '1'='1", nil},
		{"%s ? {0}", nil},
		{"😀", nil},
	} {
		_, page := v.get("/index.html?q=" + url.QueryEscape(test.search))
		if got := rows(page); !slices.Equal(got, test.want) {
			t.Errorf("search %q: got %q; want %q", test.search, got, test.want)
		}
		if value := `value="` + strings.ReplaceAll(html.EscapeString(test.search), "&#39;", "&#x27;") + `"`; !strings.Contains(page, value) {
			t.Errorf("search %q: the field does not keep it: no %s", test.search, value)
		}
	}
}

func testFollow(t *testing.T, v *visitor) {
	status, to := v.post("/add/000007.html", url.Values{"back": {"index"}, "q": {"全"}})
	if want := "/index.html?q=%E5%85%A8&done=add&code=000007#s000007"; status != 303 || to != want {
		t.Errorf("follow: got %d %q; want 303 %q", status, to, want)
	}
	if status, to := v.post("/add/600519.py", nil); status != 303 || !strings.HasPrefix(to, "/center.html?") {
		t.Errorf("follow by .py: got %d %q; want 303 to /center.html", status, to)
	}
	_, page := v.get("/center.html")
	if got, want := rows(page), []string{"000007", "600519"}; !slices.Equal(got, want) {
		t.Errorf("center: got %q; want %q", got, want)
	}
}

func testNote(t *testing.T, v *visitor) {
	for _, note := range []string{
		"等回到一千五再看。\n第二行",
		`<script>alert("1")</script> & 'x'`,
		`'; DROP TABLE focus; -- \ %s ? {0} {%token%}`,
		"表情 😀 与生僻字 𠮷",
		"",
	} {
		if status, to := v.post("/update/600519.html", url.Values{"note": {note}}); status != 303 {
			t.Errorf("note %q: got %d %.200q; want 303", note, status, to)
		}
		for path, want := range map[string]string{
			"/center.html":        ">" + note + "</td>",
			"/update/600519.html": ">\n" + note + "</textarea>",
		} {
			_, page := v.get(path)
			if !strings.Contains(html.UnescapeString(page), want) || strings.Contains(page, "<script>") {
				t.Errorf("%s: does not show the note %q escaped", path, note)
			}
		}
	}
	// The same note twice: MySQL then counts no changed row.
	for range 2 {
		if status, _ := v.post("/update/600519.html", url.Values{"note": {"备注"}}); status != 303 {
			t.Errorf("the same note: got %d; want 303", status)
		}
	}
	status, page := v.get("/update/600519/" + url.PathEscape("涨到 1/2 <b>?") + ".html")
	if want := `name="note" value="涨到 1/2 &lt;b&gt;?"`; status != 200 || !strings.Contains(page, want) {
		t.Errorf("note in the path: got %d %.200q; want 200 and %s", status, page, want)
	}
	if _, page := v.get("/center.html"); !strings.Contains(page, ">备注</td>") {
		t.Error("a GET has changed the note")
	}
}

func testRefused(t *testing.T, v *visitor) {
	for _, test := range []struct {
		name, path string
		form       url.Values
		status     int
	}{
		{"already followed", "/add/000007.html", nil, 409},
		{"not followed", "/del/000001.html", nil, 409},
		{"no such stock", "/add/000008.html", nil, 404},
		{"another site's form", "/add/000001.html", url.Values{"token": {strings.Repeat("0", 32)}}, 403},
		{"too long", "/update/000007.html", url.Values{"note": {strings.Repeat("长", 201)}}, 400},
		{"too large", "/update/000007.html", url.Values{"note": {strings.Repeat("x", 20000)}}, 413},
		{"no form here", "/index.html", nil, 405},
	} {
		if status, page := v.post(test.path, test.form); status != test.status || !strings.Contains(page, "没有办成") {
			t.Errorf("%s: got %d %.200q; want %d and a page that says so", test.name, status, page, test.status)
		}
	}
	_, page := v.get("/center.html")
	if got, want := rows(page), []string{"000007", "600519"}; !slices.Equal(got, want) {
		t.Errorf("after refusals: got %q followed; want %q", got, want)
	}
}

func testUnfollow(t *testing.T, v *visitor) {
	if status, page := v.get("/del/600519.html"); status != 200 || !strings.Contains(page, `action="/del/600519.html"`) {
		t.Errorf("GET /del/: got %d %.200q; want a form that asks", status, page)
	}
	if status, to := v.post("/del/600519.html", nil); status != 303 {
		t.Errorf("unfollow: got %d %.200q; want 303", status, to)
	}
	_, page := v.get("/center.html")
	if got, want := rows(page), []string{"000007"}; !slices.Equal(got, want) {
		t.Errorf("center: got %q; want %q", got, want)
	}
}

// TestFirstRequests has twenty requests, each a process, find no tables.
func TestFirstRequests(t *testing.T) {
	forEachDatabase(t, func(t *testing.T, db database) {
		site := startSite(t, db.fresh(t), db.interpreter).URL
		atOnce(20, func(int) {
			status, page := newVisitor(t, site).get("/index.html")
			if got := rows(page); status != 200 || len(got) != stocks {
				t.Errorf("got %d with %d stocks %.200q; want 200 with %d", status, len(got), page, stocks)
			}
		})
		if _, page := newVisitor(t, site).get("/"); len(rows(page)) != stocks {
			t.Errorf("afterwards: got %d stocks; want %d", len(rows(page)), stocks)
		}
	})
}

// TestWritesAtOnce has visitors write at the same time: none is turned away
// by a lock, and one stock is followed once.
func TestWritesAtOnce(t *testing.T) {
	forEachDatabase(t, func(t *testing.T, db database) {
		site := startSite(t, db.fresh(t), db.interpreter).URL
		_, page := newVisitor(t, site).get("/")
		codes := rows(page)[:12]
		var mu sync.Mutex
		statuses := map[int]int{}
		atOnce(2*len(codes), func(i int) {
			status, _ := newVisitor(t, site).post(fmt.Sprintf("/add/%s.html", codes[i/2]), nil)
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
		if statuses[303] != len(codes) || statuses[409] != len(codes) {
			t.Errorf("each of %d stocks followed twice: got %v; want as many 303 as 409", len(codes), statuses)
		}
		_, page = newVisitor(t, site).get("/center.html")
		got := rows(page)
		slices.Sort(got)
		if !slices.Equal(got, codes) {
			t.Errorf("center: got %q; want %q", got, codes)
		}
	})
}

// atOnce calls f n times at the same time, and returns when all are done.
func atOnce(n int, f func(i int)) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			f(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}

// TestNoDatabase wants a page for the visitor and the cause in the log.
func TestNoDatabase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("not a directory"), 0o644); err != nil {
		t.Fatal(err)
	}
	var server *servertest.Server
	t.Run("page", func(t *testing.T) {
		server = startSite(t, "sqlite:///"+file+"/stock.db", "")
		status, page := newVisitor(t, server.URL).get("/")
		if status != 503 || !strings.Contains(page, "暂时打不开数据库") || strings.Contains(page, file) {
			t.Errorf("got %d %.300q; want 503, a plain sentence and no path", status, page)
		}
	})
	// The server has ended with its subtest, so its log is complete.
	for _, want := range []string{"cannot open the stock data in " + file + "/stock.db: ", "hint: "} {
		if server != nil && !strings.Contains(server.Stderr.String(), want) {
			t.Errorf("log: no %q in\n%s", want, server.Stderr)
		}
	}
}

// TestCourseDatabase uses tables as the course makes them: no unique keys, and
// notes that may be NULL.
func TestCourseDatabase(t *testing.T) {
	server := startMariaDB(t)
	stockDB := server.create(t)
	server.sql(t, server.last, `
		CREATE TABLE info (id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, code VARCHAR(6) NOT NULL, short VARCHAR(10) NOT NULL,
			chg VARCHAR(10) NOT NULL, turnover VARCHAR(255) NOT NULL, price DECIMAL(10,2) NOT NULL,
			highs DECIMAL(10,2) NOT NULL, time DATE DEFAULT NULL) DEFAULT CHARACTER SET utf8;
		CREATE TABLE focus (id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, note_info VARCHAR(200) DEFAULT '',
			info_id INT UNSIGNED NOT NULL) DEFAULT CHARACTER SET utf8;
		INSERT INTO info VALUES (1, '000007', '全新好', '10.01%', '4.40%', 16.05, 14.60, '2017-07-18'),
			(2, '000036', '华联控股', '-10.04%', '10.80%', 11.29, 10.26, NULL);
		INSERT INTO focus VALUES (2, NULL, 1);`)
	v := newVisitor(t, startSite(t, stockDB, pythonWithPyMySQL(t)).URL)
	if _, page := v.get("/"); !slices.Equal(rows(page), []string{"000007", "000036"}) {
		t.Errorf("index: got %q; want the course's two stocks", rows(page))
	}
	if status, _ := v.post("/add/000036.html", nil); status != 303 {
		t.Errorf("follow: got %d; want 303", status)
	}
	if status, _ := v.post("/update/000007.html", url.Values{"note": {"课程"}}); status != 303 {
		t.Errorf("note: got %d; want 303", status)
	}
	_, page := v.get("/center.html")
	if got := rows(page); !slices.Equal(got, []string{"000007", "000036"}) || !strings.Contains(page, ">课程</td>") {
		t.Errorf("center: got %q; want both, one with its note", got)
	}
}
