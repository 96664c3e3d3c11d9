package course_test

import (
	"os"
	"path/filepath"
	"testing"
)

const (
	plainText = "text/plain; charset=utf-8"
	ourHTML   = "text/html; charset=utf-8" // as the bridge says it
	theirHTML = "text/html;charset=utf-8"  // as the course does

	// What each of the course's habits is told.
	returnsStr   = "mini_frame:application returned str, sent as UTF-8; PEP 3333 wants an iterable of bytes, such as [text.encode()]"
	oneParameter = "mini_frame:application takes one parameter, so it got PATH_INFO and its result is sent as HTML; " +
		"PEP 3333 wants application(environ, start_response)"
	dateIsNumber = "the value of header 'Date' is a number; PEP 3333 wants a str"
	no200Phrase  = `status '200' has no phrase; PEP 3333 wants one, such as "200 OK"`
	no404Phrase  = `status '404' has no phrase; PEP 3333 wants one, such as "200 OK"`

	// gateway.toml, where the course's server has if file_name.endswith(".py").
	pyToml = "[[frame]]\nmatch = [\"*.py\"]\napp = \"mini_frame:application\"\n"
	// And from the step on at which it has ".html" there.
	htmlToml = "[[frame]]\nmatch = [\"*.html\"]\napp = \"mini_frame:application\"\n"

	appFailed = "500 Internal Server Error\n\nThe application failed. Its log says why.\nRequest id: ID\n"
	notFound  = "404 Not Found\n\nThere is nothing at this URL.\nRequest id: ID\n"
)

// The server asks the framework for *.py and sends files for the rest.
func TestStage1OneParameter(t *testing.T) {
	stage{
		dir: "stage1", toml: pyToml,
		always: []visit{
			{path: "/index.py", status: 200, contentType: ourHTML, body: "这里是首页"},
			{path: "/center.py", status: 200, contentType: ourHTML, body: "这里是个人中心"},
			{path: "/%E4%B8%AD.py", status: 200, contentType: ourHTML, body: "找不到页面 /中.py"},
			{path: "/index.html", status: 200, contentType: ourHTML, body: "<h1>静态首页</h1>\n"},
			{path: "/", status: 200, contentType: ourHTML, body: "<h1>静态首页</h1>\n"},
		},
		warnings: []string{oneParameter, returnsStr},
	}.check(t)
}

func TestStage2WSGI(t *testing.T) {
	stage{
		dir: "stage2", toml: pyToml,
		always: []visit{
			{path: "/mini_frame.py", status: 200, contentType: theirHTML, body: "Hello World! 中文", header: map[string]string{"Content-Length": "^19$"}},
		},
		warnings: []string{returnsStr},
	}.check(t)
}

func TestStage3DispatchAndTemplates(t *testing.T) {
	stage{
		dir: "stage3", toml: pyToml,
		always: []visit{
			{path: "/index.py", status: 200, contentType: theirHTML,
				body: "<link rel=\"stylesheet\" href=\"/css/board.css\">\n<h1>股票列表</h1>\n"},
			{path: "/center.py", status: 200, contentType: theirHTML, body: "<h1>我的自选</h1>\n"},
			{path: "/other.py", status: 200, contentType: theirHTML, body: "没有 /other.py 这一页"},
			{path: "/css/board.css", status: 200, contentType: "text/css; charset=utf-8", body: "h1 { color: darkred }\n"},
			// Templates are not below static/: only the framework reads them.
			{path: "/templates/index.html", status: 404, contentType: plainText, body: notFound},
		},
		warnings: []string{returnsStr},
	}.check(t)
}

// A path that the dictionary lacks is a KeyError: a 500, and easy to find.
func TestStage4Dictionary(t *testing.T) {
	stage{
		dir: "stage4", toml: pyToml,
		always: []visit{
			{path: "/center.py", status: 200, contentType: theirHTML, body: "<h1>我的自选</h1>\n"},
			{path: "/other.py", status: 500, contentType: plainText, body: appFailed},
			{path: "/center.py", status: 200, contentType: theirHTML, body: "<h1>我的自选</h1>\n"},
		},
		warnings: []string{returnsStr},
		logged: []string{
			"Traceback (most recent call last):",
			"page = PAGES[environ['PATH_INFO']]",
			"KeyError: '/other.py'",
			"framegate: mini_frame:application failed: KeyError: '/other.py' at ",
		},
	}.check(t)
}

func TestStage5Decorator(t *testing.T) {
	stage{
		dir: "stage5", toml: pyToml,
		always: []visit{
			{path: "/center.py", status: 200, contentType: theirHTML, body: "<h1>我的自选</h1>\n"},
			{path: "/other.py", status: 200, contentType: theirHTML, body: "出错了: '/other.py'"},
		},
		warnings: []string{returnsStr},
	}.check(t)
}

// Rows of a database take the place of {%content%}.
func TestStage6Database(t *testing.T) {
	const page = "<h1>股票列表</h1>\n<table>\n" +
		"<tr><td>000007</td><td>全新好</td><td>16.05</td></tr>\n<tr><td>600519</td><td>贵州茅台</td><td>1688.5</td></tr>\n</table>\n"
	stage{
		dir: "stage6", toml: pyToml,
		always: []visit{
			{path: "/index.py", status: 200, contentType: theirHTML, body: page}, // makes the tables
			{path: "/index.py", status: 200, contentType: theirHTML, body: page}, // finds them
		},
		warnings: []string{returnsStr},
		after: func(t *testing.T, dir string) {
			if _, err := os.Stat(filepath.Join(dir, "stock.db")); err != nil {
				t.Errorf("the database is not in the project: %v", err)
			}
		},
	}.check(t)
}

// Pages that look static. Only gateway.toml can say that *.html is the
// framework's: without it, *.html is what it looks like.
func TestStage7PatternsAndHTML(t *testing.T) {
	stage{
		dir: "stage7", toml: htmlToml,
		plain: []visit{
			{path: "/index.html", status: 404, contentType: plainText, body: notFound},
			{path: "/index.py", status: 200, contentType: theirHTML, body: "没有 /index.py 的函数"},
		},
		configured: []visit{
			{path: "/index.html", status: 200, contentType: theirHTML,
				body: "<ul>\n<li><a href=\"/update/000007.html\">全新好</a></li>\n<li><a href=\"/update/600519.html\">贵州茅台</a></li>\n</ul>\n"},
			{path: "/", status: 200, contentType: theirHTML,
				body: "<ul>\n<li><a href=\"/update/000007.html\">全新好</a></li>\n<li><a href=\"/update/600519.html\">贵州茅台</a></li>\n</ul>\n"},
			{path: "/update/000007.html", status: 200, contentType: theirHTML, body: "<h1>修改 000007 全新好</h1>\n"},
			{path: "/add/600519.html", status: 200, contentType: theirHTML, body: "关注成功"},
			{path: "/add/1.html", status: 200, contentType: theirHTML, body: "没有这支股票"},
			{path: "/%E5%85%B3%E4%BA%8E.html", status: 200, contentType: theirHTML, body: "没有 /关于.html 的函数"},
		},
		warnings: []string{returnsStr},
	}.check(t)
}

// A note in Chinese travels in the path, is unquoted, stored, and shown. Its
// length shows that text was stored and not its bytes.
func TestStage8ChineseInThePath(t *testing.T) {
	stage{
		dir: "stage8", toml: htmlToml,
		configured: []visit{
			{path: "/update/000007/%E4%B8%AD%E6%96%87%E5%A4%87%E6%B3%A8.html", status: 200, contentType: theirHTML, body: "修改成功"},
			{path: "/update/600519/%E6%B6%A8%20100%25%20%E4%BA%86.html", status: 200, contentType: theirHTML, body: "修改成功"},
			{path: "/center.html", status: 200, contentType: theirHTML,
				body: "<table>\n<tr><td>000007</td><td>中文备注</td><td>4</td></tr>\n<tr><td>600519</td><td>涨 100% 了</td><td>8</td></tr>\n</table>\n"},
			{path: "/%E6%9C%80%E8%BF%91.html", status: 200, contentType: theirHTML,
				body: "/update/000007/中文备注.html\n/update/600519/涨 100% 了.html\n/center.html\n/最近.html"},
		},
		plain: []visit{
			{path: "/center.html", status: 404, contentType: plainText, body: notFound},
			{path: "/center.py", status: 200, contentType: theirHTML, body: "没有这一页"},
		},
		warnings: []string{returnsStr},
	}.check(t)
}

func TestStage9LogAndHabits(t *testing.T) {
	stage{
		dir: "stage9", toml: pyToml,
		always: []visit{
			{path: "/index.py", status: 200, contentType: plainText, body: "有日志的首页", header: map[string]string{"Date": `^\d+\.\d+$`}},
			{path: "/none.py", status: 404, contentType: plainText, body: "没有这一页"},
		},
		warnings: []string{returnsStr, dateIsNumber, no200Phrase, no404Phrase},
		logged:   []string{"收到请求 /index.py", "收到请求 /none.py"},
		after: func(t *testing.T, dir string) {
			got, err := os.ReadFile(filepath.Join(dir, "log.txt"))
			if want := "INFO: 访问的是 /index.py\nWARNING: 没有 /none.py\n"; err != nil || string(got) != want {
				t.Errorf("log.txt: got %q, %v; want %q", got, err, want)
			}
		},
	}.check(t)
}
