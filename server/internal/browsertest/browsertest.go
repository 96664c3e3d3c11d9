// Package browsertest drives a headless Chromium for tests that want to see
// what a visitor sees.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"framegate/server/internal/servertest"
)

// Tab is one tab of a headless Chromium that has a site open.
type Tab struct {
	t    *testing.T
	ctx  context.Context
	site string

	mu       sync.Mutex
	expected string   // an error entry that contains this is no complaint
	trouble  []string // errors in the console, exceptions, dialogs
}

// Open starts a browser and closes it with the test, which fails if the page
// has logged an error or opened a dialog.
func Open(t *testing.T, site string) *Tab {
	t.Helper()
	chromium := servertest.Require(t, "apt-get install chromium fonts-noto-cjk",
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU,
		// Nothing but the page may speak to the network.
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-crash-reporter", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox refuses root
	}
	limit, cancelLimit := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancelLimit)
	allocator, cancelAllocator := chromedp.NewExecAllocator(limit, options...)
	t.Cleanup(cancelAllocator)
	b := &Tab{t: t, site: site}
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithListener(b.listen))
	t.Cleanup(cancel)
	b.ctx = ctx
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("close the browser: %v", err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, trouble := range b.trouble {
			t.Errorf("the page complains: %s", trouble)
		}
	})
	b.Viewport(1200, 900)
	return b
}

// listen writes down what a visitor should never see. chromedp calls it for
// one event after the other.
func (b *Tab) listen(event any) {
	trouble := ""
	switch event := event.(type) {
	case *runtime.EventExceptionThrown:
		trouble = fmt.Sprintf("exception: %+v", event.ExceptionDetails)
	case *runtime.EventConsoleAPICalled:
		if event.Type == "error" || event.Type == "warning" || event.Type == "assert" {
			trouble = fmt.Sprintf("console.%s with %d values", event.Type, len(event.Args))
		}
	case *log.EventEntryAdded:
		if event.Entry.Level == "error" || event.Entry.Level == "warning" {
			trouble = fmt.Sprintf("%s: %s (%s)", event.Entry.Level, event.Entry.Text, event.Entry.URL)
		}
	case *page.EventJavascriptDialogOpening:
		trouble = "dialog: " + event.Message
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if trouble != "" && (b.expected == "" || !strings.Contains(trouble, b.expected)) {
		b.trouble = append(b.trouble, trouble)
	}
}

// Expect names an error entry that is part of the test, like a page's 409.
func (b *Tab) Expect(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = text
}

// Do carries out steps; what says which ones when they fail.
func (b *Tab) Do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// Open goes to a path of the site.
func (b *Tab) Open(path string) {
	b.t.Helper()
	b.Do("open "+path, chromedp.Navigate(b.site+path))
}

// Press clicks on what leads to another page, and waits until that is there.
func (b *Tab) Press(css chromedp.CSS) int64 {
	b.t.Helper()
	response, err := chromedp.RunResponse(b.ctx, chromedp.Click(css))
	if err != nil || response == nil {
		b.t.Fatalf("press %s: %v, %v", css, response, err)
	}
	return response.Status
}

// Want compares what a piece of JavaScript says about the page.
func Want[T comparable](b *Tab, expression string, want T) {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	if got != want {
		b.t.Errorf("%s: got %v; want %v", expression, got, want)
	}
}

// Await waits until a piece of JavaScript is true of the page, or of the one
// that comes after it.
func (b *Tab) Await(expression string) {
	b.t.Helper()
	for {
		_, err := chromedp.Run(b.ctx, chromedp.Poll[chromedp.Void](expression))
		if err == nil {
			return
		}
		if b.ctx.Err() != nil || !strings.Contains(err.Error(), "navigated") && !strings.Contains(err.Error(), "Cannot find context") {
			b.t.Fatalf("wait for %s: %v", expression, err)
		}
	}
}

// Viewport makes the window as large.
func (b *Tab) Viewport(width, height int64) {
	b.t.Helper()
	b.Do("set the viewport", chromedp.EmulateViewport(width, height))
}

// Scripts switches JavaScript.
func (b *Tab) Scripts(on bool) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: !on})
	if err != nil {
		b.t.Fatalf("switch JavaScript: %v", err)
	}
}

// Colours is the colour scheme that the visitor prefers: light or dark.
func (b *Tab) Colours(scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		b.t.Fatalf("switch to %s colours: %v", scheme, err)
	}
}

// LooksRight wants no sideways scrolling, text that can be read (WCAG 2.2
// 1.4.3) and buttons that a finger can hit (2.5.8).
func (b *Tab) LooksRight(what string) {
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
	if (document.documentElement.scrollWidth > innerWidth) complaints.push("scrolls sideways: " + document.documentElement.scrollWidth);
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
