package demo_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"framegate/server/internal/browsertest"
)

const (
	rowCount = `document.querySelectorAll("tbody tr").length`
	noteText = `document.querySelector("#s600519 .note").textContent`
	evilNote = "等回到一千五再看。<script>alert(1)</script><img src=x onerror=alert(2)>"
)

// TestVisit goes once through the site as a newcomer does.
func TestVisit(t *testing.T) {
	b := browsertest.Open(t, startSite(t, "", "").URL)

	b.Open("/")
	browsertest.Want(b, rowCount, stocks)
	browsertest.Want(b, `document.documentElement.lang`, "zh-CN")
	browsertest.Want(b, `document.querySelector("link[rel=icon]").href.endsWith("/favicon.svg")`, true)

	// Typing searches at once, without a new page.
	b.Do("mark the page", evaluate(`window.samePage = true`))
	b.Do("type a search", chromedp.SendKeys(chromedp.CSS("#q"), "平安"))
	b.Await(rowCount + " === 2")
	browsertest.Want(b, `new URL(location).searchParams.get("q")`, "平安")
	browsertest.Want(b, `window.samePage`, true)
	browsertest.Want(b, `document.querySelector("#clear").hidden`, false)

	// Following keeps the search, says so once, and gives the focus back.
	if status := b.Press("#s601318 button"); status != 200 {
		t.Errorf("follow: got %d; want 200 after the redirect", status)
	}
	browsertest.Want(b, rowCount, 2)
	browsertest.Want(b, `document.querySelector(".notice").textContent`, "已关注 中国平安。")
	browsertest.Want(b, `document.querySelector("#s601318 button").textContent`, "取消关注")
	b.Await(`document.activeElement === document.querySelector("#s601318 button")`)
	browsertest.Want(b, `location.search`, "?q="+url.QueryEscape("平安"))
	b.Press("#clear")
	browsertest.Want(b, rowCount, stocks)
	browsertest.Want(b, `document.querySelector(".notice").textContent`, "")
	b.Press("#s600519 button")

	b.Press(`nav a[href="/center.html"]`)
	browsertest.Want(b, rowCount, 2)
	browsertest.Want(b, `document.querySelector("nav [aria-current]").textContent`, "自选")

	visitNote(t, b)
	visitLanguages(b)

	// A page from before, and a stock that is followed meanwhile.
	b.Open("/add/000007.html")
	browsertest.Want(b, `document.querySelector("h1").textContent`, "请确认")
	b.Press(`main form button`)
	b.Open("/center.html")
	browsertest.Want(b, rowCount, 3)
	b.Expect("409")
	b.Open("/add/000007.html")
	browsertest.Want(b, `document.querySelector(".lead").textContent`, "你已经关注了 全新好，不用再关注一次。")
	b.Press(`main a.button`)
	browsertest.Want(b, `location.pathname`, "/center.html")

	for _, code := range []string{"000007", "600519", "601318"} {
		b.Press(chromedp.CSS("#s" + code + " form button"))
		browsertest.Want(b, fmt.Sprintf(`document.querySelector("#s%s") === null`, code), true)
	}
	browsertest.Want(b, `document.querySelector(".empty").hidden`, false)
	browsertest.Want(b, `document.querySelector("table").hidden`, true)
}

// visitNote writes a note that would run as a script if it were not escaped.
func visitNote(t *testing.T, b *browsertest.Tab) {
	t.Helper()
	b.Press("#s600519 a.button")
	browsertest.Want(b, `document.querySelector("#left").textContent`, "0 / 200")
	b.Do("write a note", chromedp.SendKeys(chromedp.CSS("#note"), evilNote))
	browsertest.Want(b, `document.querySelector("#left").textContent`, fmt.Sprintf("%d / 200", len([]rune(evilNote))))
	b.Press("main form button")
	browsertest.Want(b, noteText, evilNote)
	browsertest.Want(b, `document.querySelectorAll("main script, main img").length`, 0)
	browsertest.Want(b, `document.querySelector(".notice").textContent`, "贵州茅台 的备注已保存。")
	b.Press("#s600519 a.button")
	browsertest.Want(b, `document.querySelector("#note").value`, evilNote)
	b.Press("main a.button")
}

func visitLanguages(b *browsertest.Tab) {
	b.Open("/index.html?q=TCL")
	b.Press("#lang")
	browsertest.Want(b, `document.documentElement.lang`, "en")
	browsertest.Want(b, `document.querySelector("h1").textContent`, "All stocks")
	browsertest.Want(b, rowCount, 1)
	b.Press(`nav a[href="/center.html"]`)
	browsertest.Want(b, `document.querySelector("h1").textContent`, "Stocks I follow")
	b.Press("#lang")
	browsertest.Want(b, `document.documentElement.lang`, "zh-CN")
}

// TestWithoutScripts does the same things in a browser without JavaScript.
func TestWithoutScripts(t *testing.T) {
	b := browsertest.Open(t, startSite(t, "", "").URL)
	b.Scripts(false)
	b.Open("/")
	b.Do("type a search", chromedp.SendKeys(chromedp.CSS("#q"), "茅台"))
	browsertest.Want(b, rowCount, stocks) // nothing happens by itself
	b.Press(".search button")
	browsertest.Want(b, rowCount, 1)
	b.Press("#s600519 button")
	browsertest.Want(b, `document.querySelector(".notice").textContent`, "已关注 贵州茅台。")
	browsertest.Want(b, `document.querySelector("#q").value`, "茅台")
	b.Press(`nav a[href="/center.html"]`)
	b.Press("#s600519 a.button")
	b.Do("write a note", chromedp.SendKeys(chromedp.CSS("#note"), "没有脚本"))
	b.Press("main form button")
	browsertest.Want(b, noteText, "没有脚本")
}

// TestLooks looks at every page on a phone and on a desktop, in both
// languages and colour schemes.
func TestLooks(t *testing.T) {
	site := startSite(t, "", "").URL
	v := newVisitor(t, site)
	for _, code := range []string{"000007", "600519"} {
		if status, _ := v.post("/add/"+code+".html", nil); status != 303 {
			t.Fatalf("follow %s: got %d; want 303", code, status)
		}
	}
	// No place to break a line: the page must not become wider for it.
	long := url.Values{"note": {strings.Repeat("W", 200)}}
	if status, _ := v.post("/update/000007.html", long); status != 303 {
		t.Fatalf("a long note: got %d; want 303", status)
	}
	b := browsertest.Open(t, site)
	b.Expect("404")
	for _, look := range []struct {
		width  int64
		scheme string
	}{{320, "light"}, {360, "dark"}, {720, "light"}, {900, "dark"}, {1200, "light"}} {
		b.Viewport(look.width, 740)
		b.Colours(look.scheme)
		for _, path := range []string{"/index.html?", "/index.html?q=none&", "/center.html?", "/update/000007.html?",
			"/add/000001.html?", "/update/000007/" + long.Get("note") + ".html?", "/no.html?", "/no.css?"} {
			for _, lang := range []string{"zh", "en"} {
				b.Open(path + "lang=" + lang)
				b.LooksRight(fmt.Sprintf("%.24s in %s, %d pixels, %s", path, lang, look.width, look.scheme))
			}
		}
	}
}

func evaluate(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](expression)
}
