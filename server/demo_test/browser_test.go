package demo_test

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

// A tab is one tab of a headless Chromium that has the site open.
type tab struct {
	t    *testing.T
	ctx  context.Context
	site string

	mu       sync.Mutex
	expected string   // an error entry that contains this is no complaint
	trouble  []string // errors in the console, exceptions, dialogs
}

// openTab starts a browser and closes it with the test, which fails if the
// page has logged an error or opened a dialog.
func openTab(t *testing.T, site string) *tab {
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
	b := &tab{t: t, site: site}
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
	b.viewport(1200, 900)
	return b
}

// listen writes down what a visitor should never see. chromedp calls it for
// one event after the other.
func (b *tab) listen(event any) {
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

// expect names an error entry that is part of the test, like a page's 409.
func (b *tab) expect(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = text
}

func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *tab) open(path string) {
	b.t.Helper()
	b.do("open "+path, chromedp.Navigate(b.site+path))
}

// press clicks on what leads to another page, and waits until that is there.
func (b *tab) press(css chromedp.CSS) int64 {
	b.t.Helper()
	response, err := chromedp.RunResponse(b.ctx, chromedp.Click(css))
	if err != nil || response == nil {
		b.t.Fatalf("press %s: %v, %v", css, response, err)
	}
	return response.Status
}

// want compares what a piece of JavaScript says about the page.
func want[T comparable](b *tab, expression string, want T) {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	if got != want {
		b.t.Errorf("%s: got %v; want %v", expression, got, want)
	}
}

// await waits until a piece of JavaScript is true of the page.
func (b *tab) await(expression string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[chromedp.Void](expression)); err != nil {
		b.t.Fatalf("wait for %s: %v", expression, err)
	}
}

func (b *tab) viewport(width, height int64) {
	b.t.Helper()
	b.do("set the viewport", chromedp.EmulateViewport(width, height))
}

func (b *tab) scripts(on bool) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: !on})
	if err != nil {
		b.t.Fatalf("switch JavaScript: %v", err)
	}
}

func (b *tab) colours(scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		b.t.Fatalf("switch to %s colours: %v", scheme, err)
	}
}
