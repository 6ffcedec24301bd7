// Package chromium opens pages in Debian's Chromium, as a reader's browser does, and tells what came of it: the document, a
// picture, what was requested, and what the browser complained about. JavaScript is off.
//
//	b, err := chromium.Start(ctx, t.TempDir())
//	page, err := b.Open("http://127.0.0.1:8082/", chromium.View{Width: 390, Dark: true})
//
// Chromium comes from the machine. Nothing is skipped where it is missing: Start fails and says what to install, and
// Install, which "make e2e" calls, installs it where it may.
package chromium

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/wildcast/wildcast/e2e/internal/child"
)

// Browser is a running Chromium. Its methods are for one goroutine.
type Browser struct {
	child *child.Child
	pipe  *pipe
	stop  func() bool
}

// Start runs Chromium until Close, or until ctx ends. The folder is for its profile and its log.
func Start(ctx context.Context, dir string) (*Browser, error) {
	program, err := find()
	if err != nil {
		return nil, fmt.Errorf("start Chromium: %w", err)
	}
	p, files, err := newPipe()
	if err != nil {
		return nil, fmt.Errorf("start Chromium: %w", err)
	}
	c, err := child.Start(child.Spec{
		Path: program,
		Args: []string{
			"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
			"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
			"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir=" + filepath.Join(dir, "profile"),
		},
		Log:   filepath.Join(dir, "chromium.log"),
		Files: files,
	})
	for _, f := range files {
		f.Close()
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return &Browser{child: c, pipe: p, stop: context.AfterFunc(ctx, func() { c.Kill() })}, nil
}

// Close ends Chromium.
func (b *Browser) Close() {
	b.stop()
	_ = b.pipe.call("", "Browser.close", struct{}{}, nil) // it may have ended before it answers
	b.child.Stop(10 * time.Second)
	b.pipe.close()
}

// View is what a reader has.
type View struct {
	Width int // of the window
	Dark  bool
}

// Page is what has become of a page.
type Page struct {
	HTML       string // of the document
	Width      int    // that the content takes, which is the window's if it fits
	PNG        []byte // a picture of all of it
	Requests   []string
	Complaints []string // what the browser's console would show
}

type object = map[string]any

// Open loads a page in a tab of its own, and closes it.
func (b *Browser) Open(url string, v View) (Page, error) {
	var made struct{ TargetID string }
	if err := b.pipe.call("", "Target.createTarget", object{"url": "about:blank"}, &made); err != nil {
		return Page{}, err
	}
	var attached struct{ SessionID string }
	if err := b.pipe.call("", "Target.attachToTarget", object{"targetId": made.TargetID, "flatten": true}, &attached); err != nil {
		return Page{}, err
	}
	t := tab{b.pipe, attached.SessionID}
	page, err := t.open(url, v)
	if err != nil {
		return Page{}, fmt.Errorf("open %s: %w; the end of Chromium's log:\n%s", url, err, b.child.Tail(2000))
	}
	return page, b.pipe.call("", "Target.closeTarget", object{"targetId": made.TargetID}, nil)
}

type tab struct {
	pipe    *pipe
	session string
}

func (t tab) call(method string, params object, result any) error {
	return t.pipe.call(t.session, method, params, result)
}

func (t tab) open(url string, v View) (page Page, err error) {
	theme := map[bool]string{true: "dark", false: "light"}[v.Dark]
	for _, step := range []struct {
		method string
		params object
	}{
		{"Page.enable", object{}}, {"Network.enable", object{}}, {"Log.enable", object{}}, {"DOM.enable", object{}},
		{"Emulation.setScriptExecutionDisabled", object{"value": true}},
		{"Emulation.setEmulatedMedia", object{"features": []object{{"name": "prefers-color-scheme", "value": theme}}}},
		{"Emulation.setDeviceMetricsOverride", object{"width": v.Width, "height": 800, "deviceScaleFactor": 1, "mobile": v.Width < 600}},
		{"Page.navigate", object{"url": url}},
	} {
		if err := t.call(step.method, step.params, nil); err != nil {
			return page, err
		}
	}
	if _, err := t.pipe.await(t.session, "Page.loadEventFired"); err != nil {
		return page, err
	}
	if page.HTML, err = t.html(); err != nil {
		return page, err
	}
	if page.Width, page.PNG, err = t.picture(); err != nil {
		return page, err
	}
	page.Requests, page.Complaints, err = t.heard()
	return page, err
}

func (t tab) html() (string, error) {
	var document struct{ Root struct{ NodeID int } }
	if err := t.call("DOM.getDocument", object{}, &document); err != nil {
		return "", err
	}
	var outer struct{ OuterHTML string }
	err := t.call("DOM.getOuterHTML", object{"nodeId": document.Root.NodeID}, &outer)
	return outer.OuterHTML, err
}

func (t tab) picture() (width int, png []byte, err error) {
	var metrics struct {
		CSSContentSize struct{ Width, Height float64 }
	}
	if err := t.call("Page.getLayoutMetrics", object{}, &metrics); err != nil {
		return 0, nil, err
	}
	size := metrics.CSSContentSize
	var shot struct{ Data []byte }
	err = t.call("Page.captureScreenshot", object{"format": "png", "captureBeyondViewport": true,
		"clip": object{"x": 0, "y": 0, "width": size.Width, "height": size.Height, "scale": 1}}, &shot)
	return int(size.Width), shot.Data, err
}

// heard are the tab's requests and complaints so far.
func (t tab) heard() (requests, complaints []string, err error) {
	for _, m := range t.pipe.events {
		if m.Session != t.session {
			continue
		}
		var params struct {
			Request struct{ Method, URL string }
			Entry   struct{ Level, Text, URL string }
		}
		switch m.Method {
		case "Network.requestWillBeSent", "Log.entryAdded":
			if err := json.Unmarshal(m.Params, &params); err != nil {
				return nil, nil, err
			}
		}
		switch m.Method {
		case "Network.requestWillBeSent":
			requests = append(requests, params.Request.Method+" "+params.Request.URL)
		case "Log.entryAdded":
			complaints = append(complaints, strings.Join([]string{params.Entry.Level, params.Entry.Text, params.Entry.URL}, " "))
		}
	}
	return requests, complaints, nil
}
