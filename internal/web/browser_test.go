package web_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// chromium is one browser for all tests; each has a tab.
var chromium context.Context

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	path := os.Getenv("STATUSD_TEST_CHROMIUM")
	if path == "" {
		var err error
		if path, err = exec.LookPath("chromium"); err != nil {
			fmt.Fprintln(os.Stderr, "the pages are tested in Chromium: apt-get install chromium, or name one in STATUSD_TEST_CHROMIUM")
			return 1
		}
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	browser, stopBrowser := chromedp.NewContext(allocator)
	defer stopBrowser()
	if err := chromedp.Do(browser); err != nil {
		fmt.Fprintln(os.Stderr, "starting", path, err)
		return 1
	}
	chromium = browser
	return m.Run()
}

// tab is a page in the browser. Whatever its scripts throw, and whatever its
// policy stops, fails the test.
type tab struct {
	t      *testing.T
	ctx    context.Context
	mu     sync.Mutex
	faults []string
}

// open opens a page, for somebody who wants it with these media features, as
// names and values in turn.
func open(t *testing.T, url string, features ...string) *tab {
	t.Helper()
	b := &tab{t: t}
	// With cookies of its own: those of all tests' services are of one host.
	ctx, stop := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithListener(func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.fault(fmt.Sprint(e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
		case *log.EventEntryAdded:
			if e.Entry.Source == log.EntrySourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
				b.fault(e.Entry.Text)
			}
		}
	}))
	b.ctx = ctx
	t.Cleanup(func() {
		stop()
		b.mu.Lock()
		defer b.mu.Unlock()
		require.Empty(t, b.faults)
	})
	_, err := chromedp.Call(ctx, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	// As if somebody looked at this tab, and not at those of other tests.
	_, err = chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	require.NoError(t, err)
	b.width(1280)
	b.prefer(features...)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(url)))
	b.eval("window.loaded = true")
	return b
}

func (b *tab) fault(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, text)
}

func (b *tab) width(pixels int64) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: pixels, Height: 900, DeviceScaleFactor: 1})
	require.NoError(b.t, err)
}

func (b *tab) prefer(features ...string) {
	b.t.Helper()
	var params emulation.SetEmulatedMediaParams
	for i := 0; i < len(features); i += 2 {
		params.Features = append(params.Features, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, params)
	require.NoError(b.t, err)
}

// eval returns what an expression is, as text.
func (b *tab) eval(expression string) string {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	require.NoError(b.t, err)
	return value
}

// click clicks as people do.
func (b *tab) click(selector string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.Click(selector)))
}

// text is what somebody reads there: nothing, where it is hidden.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return b.eval(fmt.Sprintf(`[...document.querySelectorAll(%q)].filter((e) => e.checkVisibility())`+
		`.map((e) => e.innerText.trim()).join("\n")`, selector))
}

// reads waits until that can be read there.
func (b *tab) reads(selector, want string) {
	b.t.Helper()
	b.waits(fmt.Sprintf("%q at %s", want, selector), func() bool { return strings.Contains(b.text(selector), want) })
}

// gone waits until nothing can be read there.
func (b *tab) gone(selector string) {
	b.t.Helper()
	b.waits("nothing at "+selector, func() bool { return b.text(selector) == "" })
}

func (b *tab) waits(what string, seen func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if seen() {
			return
		}
	}
	require.FailNow(b.t, "not seen: "+what, "%s", b.text("body"))
}

// stayed requires that the page was not loaded again.
func (b *tab) stayed() {
	b.t.Helper()
	require.Equal(b.t, "true", b.eval("window.loaded"))
}

// shoot takes pictures for somebody to judge: on a telephone, on a screen, and
// in the dark. Nothing may be cut off at the side.
func (b *tab) shoot(name string) {
	b.t.Helper()
	folder := filepath.Join("..", "..", "screenshots")
	require.NoError(b.t, os.MkdirAll(folder, 0o755))
	for _, way := range []struct {
		name   string
		width  int64
		scheme string
	}{{"360", 360, "light"}, {"1280", 1280, "light"}, {"dark", 1280, "dark"}} {
		b.width(way.width)
		b.prefer("prefers-color-scheme", way.scheme)
		require.Equal(b.t, "true", b.eval("document.documentElement.scrollWidth <= innerWidth"), "%s at %s", name, way.name)
		require.Equal(b.t, "", b.eval(outside), "%s at %s", name, way.name)
		require.Equal(b.t, "", b.eval(faint), "%s at %s", name, way.name)
		picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		require.NoError(b.t, err)
		require.NoError(b.t, os.WriteFile(filepath.Join(folder, name+"-"+way.name+".png"), picture, 0o644))
	}
	b.width(1280)
	b.prefer()
}

// outside names what reaches beyond the side of what it is in.
const outside = `[...document.querySelectorAll(".card *, table *")].filter((e) => e.checkVisibility() && !e.closest(".unseen")
	&& e.getBoundingClientRect().right > e.closest(".card, table").getBoundingClientRect().right + 1)
	.map((e) => e.tagName + " " + e.textContent.slice(0, 20)).join("; ")`

// faint names the texts whose contrast is below what WCAG 2.2 asks for in AA.
// https://www.w3.org/TR/WCAG22/#contrast-minimum
const faint = `(() => {
	const parse = (c) => (c.match(/[\d.]+/g) ?? []).map(Number);
	const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
		.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const ground = (e) => {
		for (; e; e = e.parentElement) {
			const c = parse(getComputedStyle(e).backgroundColor);
			if (c.length === 3 || c[3] === 1) return c;
		}
		return [255, 255, 255];
	};
	const bad = new Set();
	for (const e of document.querySelectorAll("body *")) {
		if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility() || e.closest("noscript")) continue;
		const [a, b] = [parse(getComputedStyle(e).color), ground(e)].map(luminance).sort((x, y) => y - x);
		if ((a + 0.05) / (b + 0.05) < 4.5) bad.add(e.tagName + "." + e.className + " " + e.textContent.slice(0, 20));
	}
	return [...bad].join("; ");
})()`
