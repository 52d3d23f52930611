// Package openapi checks Ingot's API document against the server and against what the server's
// tests have seen. It stands apart from the main module so that building and testing Ingot downloads
// no validator.
//
//	go test ./ingest/internal/httpapi            with INGOT_EXCHANGES=<file>: writes every exchange
//	go -C tools test ./openapi                   with the same: reads them
//
// The server is the real binary with a Postgres of its own.
package openapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

const (
	root     = "../.."
	document = root + "/ingest/internal/httpapi/openapi.json"
)

func load(t *testing.T) (*openapi3.T, routers.Router) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile(document)
	if err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc, openapi3.DisableExamplesValidation()) // bad ones are there on purpose
	if err != nil {
		t.Fatalf("the document is not OpenAPI 3.1: %v", err)
	}
	for _, holder := range []string{"Event", "Stored"} { // without a type it is any value, but null only to other validators
		doc.Components.Schemas[holder].Value.Properties["payload"].Value.Type = &openapi3.Types{"object", "array", "string", "number", "boolean", "null"}
	}
	return doc, router
}

// bodies teaches the validator what it does not know: files are texts, and each
// line of NDJSON is held against the schema of an event.
func bodies(t *testing.T, doc *openapi3.T) {
	t.Helper()
	event := doc.Components.Schemas["Event"].Value
	for _, name := range []string{"application/x-ndjson", "application/ndjson"} {
		openapi3filter.RegisterBodyDecoder(name, func(r io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
			text, err := io.ReadAll(r)
			if strings.TrimSpace(string(text)) == "" {
				return nil, fmt.Errorf("no line")
			}
			for line := range bytes.Lines(text) {
				var value any
				if err := json.Unmarshal(line, &value); err != nil {
					return nil, err
				}
				if err := event.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
					return nil, err
				}
			}
			return string(text), err
		})
	}
	for _, name := range []string{"text/html", "text/css", "text/javascript"} {
		openapi3filter.RegisterBodyDecoder(name, openapi3filter.FileBodyDecoder)
	}
}

// example is one request of the document, and the status it says it gets.
type example struct {
	name, method, target, contentType, encoding string
	body                                        []byte
	status                                      int
}

// examples collects the examples of request bodies and those of operations.
func examples(t *testing.T, doc *openapi3.T) (all []example) {
	t.Helper()
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			named := map[string]example{}
			if o.RequestBody != nil {
				for contentType, media := range o.RequestBody.Value.Content {
					for name, e := range media.Examples {
						body := []byte(fmt.Sprint(e.Value.Value))
						if strings.HasSuffix(contentType, "/json") {
							body = must(json.Marshal(e.Value.Value))
						}
						x := example{path + ": " + e.Value.Summary, method, path, contentType, "", body, number(t, e.Value.Extensions["x-answer"])}
						if contentType == "application/json" {
							named[name] = x
						}
						all = append(all, x)
					}
				}
			}
			var more []struct {
				Summary, Target, Type, Encoding, Body string
				Answer                                int `json:"x-answer"`
			}
			if err := json.Unmarshal(must(json.Marshal(o.Extensions["x-examples"])), &more); err != nil {
				t.Fatal(err)
			}
			for _, m := range more {
				x := named[m.Body]
				x.name, x.method, x.target, x.encoding, x.status = path+": "+m.Summary, method, m.Target, m.Encoding, m.Answer
				if m.Type != "" {
					x.contentType = m.Type
				}
				all = append(all, x)
			}
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d examples", len(all))
	}
	return all
}

// TestDocument: it is a valid document, and its examples of answers are what it says.
func TestDocument(t *testing.T) {
	doc, _ := load(t)
	if err := doc.Validate(t.Context(), openapi3.DisableExamplesValidation()); err != nil {
		t.Error(err)
	}
	answers := 0
	check := func(where string, r *openapi3.ResponseRef) {
		for _, media := range r.Value.Content {
			for name, e := range media.Examples {
				answers++
				if err := media.Schema.Value.VisitJSON(e.Value.Value, openapi3.EnableJSONSchema2020()); err != nil {
					t.Errorf("%s, example %s: %v", where, name, err)
				}
			}
		}
	}
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			for status, r := range o.Responses.Map() {
				check(method+" "+path+" "+status, r)
				if method == "GET" || method == "DELETE" {
					storesNothing(t, method+" "+path+" "+status, r)
				}
			}
		}
	}
	if answers < 40 {
		t.Errorf("only %d examples of answers", answers)
	}
}

// storesNothing: whoever reads is not told that nothing was stored, for the server does not say so.
func storesNothing(t *testing.T, where string, r *openapi3.ResponseRef) {
	t.Helper()
	for _, media := range r.Value.Content {
		for name, e := range media.Examples {
			if value, _ := e.Value.Value.(map[string]any); strings.Contains(fmt.Sprint(value["detail"]), "stored; send it again") {
				t.Errorf("%s, example %s: %v", where, name, value["detail"])
			}
		}
	}
}

// TestExamples sends every documented request, good and bad, to the real server. A
// request the server takes whole must be one that the document allows, any other one
// that it forbids, and the answer must be the documented one.
func TestExamples(t *testing.T) {
	doc, router := load(t)
	bodies(t, doc)
	server := start(t)
	for _, e := range examples(t, doc) {
		t.Run(e.name, func(t *testing.T) {
			r := must(http.NewRequestWithContext(t.Context(), e.method, server+e.target, bytes.NewReader(e.body)))
			if e.contentType != "" {
				r.Header.Set("Content-Type", e.contentType)
			}
			if e.encoding != "" {
				r.Header.Set("Content-Encoding", e.encoding)
			}
			input, err := validate(router, r, e)
			if allowed := err == nil; allowed != (e.status == 200) && !opaque(e) {
				t.Errorf("the document allows it: %v (%v), and says it is answered %d", allowed, err, e.status)
			}
			r.Body = io.NopCloser(bytes.NewReader(e.body))
			answer := must(http.DefaultClient.Do(r))
			defer answer.Body.Close()
			body := must(io.ReadAll(answer.Body))
			if answer.StatusCode != e.status {
				t.Errorf("answered %d, the document says %d: %.300s", answer.StatusCode, e.status, body)
			}
			if input == nil {
				return
			}
			checkAnswer(t, input, answer.StatusCode, answer.Header, body)
		})
	}
}

// opaque requests are refused for what no schema can say: what a compressed body or a
// cursor holds, what is stored, and which parameters there are not.
func opaque(e example) bool {
	return e.encoding == "gzip" || strings.Contains(e.target, "cursor=") || strings.Contains(e.target, "topics=") ||
		strings.Contains(e.target, "since=yesterday") || strings.Contains(e.target, "source=a&source=b") ||
		e.status == 404 || strings.Contains(e.target, "after=!") || strings.HasPrefix(e.target, "/events/a/b?") || strings.Contains(e.target, "resuls=")
}

func validate(router routers.Router, r *http.Request, e example) (*openapi3filter.RequestValidationInput, error) {
	local := *r
	local.URL = must(url.Parse(e.target))
	route, params, err := router.FindRoute(&local)
	if err != nil {
		return nil, err
	}
	input := &openapi3filter.RequestValidationInput{
		Request: r, Route: route, PathParams: params,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}, // the server wants no keys
	}
	return input, openapi3filter.ValidateRequest(r.Context(), input)
}

func checkAnswer(t *testing.T, input *openapi3filter.RequestValidationInput, status int, header http.Header, body []byte) {
	t.Helper()
	err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		t.Errorf("%s %s: the document does not tell of this answer, %d: %v\n%.300s", input.Request.Method, input.Request.URL, status, err, body)
	}
}

// TestExchanges holds what the server's own tests have seen against the document:
// all the answers that a healthy server cannot be brought to give.
func TestExchanges(t *testing.T) {
	path := os.Getenv("INGOT_EXCHANGES")
	if path == "" {
		t.Skip("INGOT_EXCHANGES names no file; see the package's comment")
	}
	doc, router := load(t)
	bodies(t, doc)
	file := must(os.Open(path))
	defer file.Close()
	seen := map[int]int{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var x struct {
			Method, Target string
			Status         int
			Header         http.Header
			Body           []byte
		}
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			t.Fatal(err)
		}
		target, err := url.Parse(x.Target)
		if err != nil || x.Method == "HEAD" {
			continue
		}
		r := &http.Request{Method: x.Method, URL: target, Header: http.Header{}}
		route, params, err := router.FindRoute(r)
		if err != nil {
			if x.Status != 404 && x.Status != 405 && x.Status != 204 {
				t.Errorf("%s %s is answered %d and not documented", x.Method, x.Target, x.Status)
			}
			continue
		}
		seen[x.Status]++
		checkAnswer(t, &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: params}, x.Status, x.Header, x.Body)
	}
	t.Logf("answers by status: %v", seen)
	for _, status := range []int{200, 207, 400, 410, 413, 415, 422, 500, 503, 504} {
		if seen[status] == 0 {
			t.Errorf("no answer of %d among %v", status, seen)
		}
	}
}

// start builds the server and runs it on a port and a Postgres of its own.
func start(t *testing.T) (base string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "ingest")
	build := exec.Command("go", "build", "-o", binary, "./ingest")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	data := must(os.MkdirTemp("", "ingot-openapi-"))
	if err := os.Chmod(data, 0o755); err != nil { // run by root, Postgres is somebody else
		t.Fatal(err)
	}
	server := exec.Command(binary, "--listen=127.0.0.1:0", "--data-dir="+data)
	log := must(server.StderrPipe())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		go func() { _, _ = io.Copy(io.Discard, log) }() // ends with the process
		if err := server.Wait(); err != nil {
			t.Errorf("the server did not stop cleanly: %v", err)
		}
		_ = os.RemoveAll(data)
	})
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Open string }
		if json.Unmarshal(lines.Bytes(), &line); line.Open != "" {
			go func() { _, _ = io.Copy(io.Discard, log) }() // ends with the process
			return strings.TrimSuffix(line.Open, "/")
		}
		t.Log(lines.Text())
	}
	t.Fatal("the server did not start")
	return ""
}

func number(t *testing.T, v any) int {
	t.Helper()
	n, err := strconv.Atoi(fmt.Sprint(v))
	if err != nil {
		t.Fatalf("x-answer is %v", v)
	}
	return n
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
