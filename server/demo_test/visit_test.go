package demo_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	rowCount = `document.querySelectorAll("tbody tr").length`
	noteText = `document.querySelector("#s600519 .note").textContent`
	fits     = `document.documentElement.scrollWidth <= innerWidth`
	evilNote = "等回到一千五再看。<script>alert(1)</script><img src=x onerror=alert(2)>"
)

// TestVisit goes once through the site as a newcomer does.
func TestVisit(t *testing.T) {
	b := openTab(t, startSite(t, "", "").URL)

	b.open("/")
	want(b, rowCount, stocks)
	want(b, `document.documentElement.lang`, "zh-CN")
	want(b, `document.querySelector("link[rel=icon]").href.endsWith("/favicon.svg")`, true)

	// Typing searches at once, without a new page.
	b.do("mark the page", evaluate(`window.samePage = true`))
	b.do("type a search", chromedp.SendKeys(chromedp.CSS("#q"), "平安"))
	b.await(rowCount + " === 2")
	want(b, `new URL(location).searchParams.get("q")`, "平安")
	want(b, `window.samePage`, true)
	want(b, `document.querySelector("#clear").hidden`, false)

	// Following keeps the search, says so once, and gives the focus back.
	if status := b.press("#s601318 button"); status != 200 {
		t.Errorf("follow: got %d; want 200 after the redirect", status)
	}
	want(b, rowCount, 2)
	want(b, `document.querySelector(".notice").textContent`, "已关注 中国平安。")
	want(b, `document.querySelector("#s601318 button").textContent`, "取消关注")
	b.await(`document.activeElement === document.querySelector("#s601318 button")`)
	want(b, `location.search`, "?q="+url.QueryEscape("平安"))
	b.press("#clear")
	want(b, rowCount, stocks)
	want(b, `document.querySelector(".notice").textContent`, "")
	b.press("#s600519 button")

	b.press(`nav a[href="/center.html"]`)
	want(b, rowCount, 2)
	want(b, `document.querySelector("nav [aria-current]").textContent`, "自选")

	visitNote(t, b)
	visitLanguages(b)

	// A page from before, and a stock that is followed meanwhile.
	b.open("/add/000007.html")
	want(b, `document.querySelector("h1").textContent`, "请确认")
	b.press(`main form button`)
	b.open("/center.html")
	want(b, rowCount, 3)
	b.expect("409")
	b.open("/add/000007.html")
	want(b, `document.querySelector(".lead").textContent`, "你已经关注了 全新好，不用再关注一次。")
	b.press(`main a.button`)
	want(b, `location.pathname`, "/center.html")

	for _, code := range []string{"000007", "600519", "601318"} {
		b.press(chromedp.CSS("#s" + code + " form button"))
		want(b, fmt.Sprintf(`document.querySelector("#s%s") === null`, code), true)
	}
	want(b, `document.querySelector(".empty").hidden`, false)
	want(b, `document.querySelector("table").hidden`, true)
}

// visitNote writes a note that would run as a script if it were not escaped.
func visitNote(t *testing.T, b *tab) {
	t.Helper()
	b.press("#s600519 a.button")
	want(b, `document.querySelector("#left").textContent`, "0 / 200")
	b.do("write a note", chromedp.SendKeys(chromedp.CSS("#note"), evilNote))
	want(b, `document.querySelector("#left").textContent`, fmt.Sprintf("%d / 200", len([]rune(evilNote))))
	b.press("main form button")
	want(b, noteText, evilNote)
	want(b, `document.querySelectorAll("main script, main img").length`, 0)
	want(b, `document.querySelector(".notice").textContent`, "贵州茅台 的备注已保存。")
	b.press("#s600519 a.button")
	want(b, `document.querySelector("#note").value`, evilNote)
	b.press("main a.button")
}

func visitLanguages(b *tab) {
	b.t.Helper()
	b.open("/index.html?q=TCL")
	b.press("#lang")
	want(b, `document.documentElement.lang`, "en")
	want(b, `document.querySelector("h1").textContent`, "All stocks")
	want(b, rowCount, 1)
	b.press(`nav a[href="/center.html"]`)
	want(b, `document.querySelector("h1").textContent`, "Stocks I follow")
	b.press("#lang")
	want(b, `document.documentElement.lang`, "zh-CN")
}

// TestWithoutScripts does the same things in a browser without JavaScript.
func TestWithoutScripts(t *testing.T) {
	b := openTab(t, startSite(t, "", "").URL)
	b.scripts(false)
	b.open("/")
	b.do("type a search", chromedp.SendKeys(chromedp.CSS("#q"), "茅台"))
	want(b, rowCount, stocks) // nothing happens by itself
	b.press(".search button")
	want(b, rowCount, 1)
	b.press("#s600519 button")
	want(b, `document.querySelector(".notice").textContent`, "已关注 贵州茅台。")
	want(b, `document.querySelector("#q").value`, "茅台")
	b.press(`nav a[href="/center.html"]`)
	b.press("#s600519 a.button")
	b.do("write a note", chromedp.SendKeys(chromedp.CSS("#note"), "没有脚本"))
	b.press("main form button")
	want(b, noteText, "没有脚本")
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
	b := openTab(t, site)
	b.expect("404")
	for _, look := range []struct {
		width  int64
		scheme string
	}{{320, "light"}, {360, "dark"}, {720, "light"}, {900, "dark"}, {1200, "light"}} {
		b.viewport(look.width, 740)
		b.colours(look.scheme)
		for _, path := range []string{"/index.html?", "/index.html?q=none&", "/center.html?", "/update/000007.html?",
			"/add/000001.html?", "/update/000007/" + long.Get("note") + ".html?", "/no.html?", "/no.css?"} {
			for _, lang := range []string{"zh", "en"} {
				b.open(path + "lang=" + lang)
				b.looksRight(fmt.Sprintf("%.24s in %s, %d pixels, %s", path, lang, look.width, look.scheme))
			}
		}
	}
}

// looksRight wants no sideways scrolling, text that can be read (WCAG 2.2
// 1.4.3) and buttons that a finger can hit (2.5.8).
func (b *tab) looksRight(what string) {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](lookScript))
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	if got != "" {
		b.t.Errorf("%s: got %s; want nothing to complain about", what, got)
	}
}

// lookScript returns the first few complaints about the page, or "".
const lookScript = `(() => {
	const complaints = [];
	if (!(` + fits + `)) complaints.push("scrolls sideways: " + document.documentElement.scrollWidth);
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const rgba = (colour) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const light = (colour) => {
		const [r, g, b] = colour.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (element) => {
		for (let e = element; e; e = e.parentElement) {
			const colour = rgba(getComputedStyle(e).backgroundColor);
			if (colour[3] === 255) return colour;
		}
		return [255, 255, 255, 255];
	};
	for (const element of document.querySelectorAll("body *")) {
		const box = element.getBoundingClientRect();
		const seen = element.checkVisibility() && box.width > 1 && box.height > 1 && box.right > 0;
		const said = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
		if (seen && said) {
			const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
			const contrast = (a + 0.05) / (b + 0.05);
			if (contrast < 4.5) complaints.push("contrast " + contrast.toFixed(2) + " of " + element.textContent.trim().slice(0, 20));
		}
		if (seen && element.matches("button, a, input, textarea") && (box.width < 24 || box.height < 24)) {
			complaints.push("too small to hit: " + element.textContent.trim().slice(0, 20));
		}
		if (element.matches("input:not([type=hidden]), textarea") && !element.labels.length) complaints.push("no label: " + element.name);
	}
	return complaints.slice(0, 3).join("; ");
})()`

func evaluate(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](expression)
}
