package httpapi

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"ingot/internal/event"
)

// document is as much of openapi.json as these tests look into. tools/openapi
// holds it, and the server, to the rest.
type document struct {
	Paths      map[string]map[string]operation
	Components struct {
		Responses map[string]documentedAnswer
		Schemas   map[string]struct {
			Enum       []string
			Properties map[string]struct {
				Enum       []string
				Properties map[string]any
			}
		}
	}
}

type operation struct {
	Parameters []struct {
		In     string
		Schema struct{ Enum []string }
	}
	RequestBody struct {
		Content map[string]struct{ Schema map[string]any }
	}
	Responses map[string]documentedAnswer
}

type documentedAnswer struct {
	Ref     string `json:"$ref"`
	Content map[string]struct {
		Schema struct {
			AllOf []struct {
				Properties struct{ Type struct{ Enum []string } }
			}
		}
	}
}

var readDocument = sync.OnceValue(func() (d document) {
	if err := json.Unmarshal(openapiDocument, &d); err != nil {
		panic(err)
	}
	return d
})

// kinds are the problems an answer may be.
func (d document) kinds(a documentedAnswer) (kinds []string) {
	if name, isRef := strings.CutPrefix(a.Ref, "#/components/responses/"); isRef {
		a = d.Components.Responses[name]
	}
	for _, part := range a.Content["application/problem+json"].Schema.AllOf {
		for _, urn := range part.Properties.Type.Enum {
			kinds = append(kinds, strings.TrimPrefix(urn, "urn:ingot:problem:"))
		}
	}
	return kinds
}

// TestCursorsOfTheDocument are such as the server gives and takes.
func TestCursorsOfTheDocument(t *testing.T) {
	t.Parallel()
	cursors := regexp.MustCompile(`cursor": "([^"]+)"`).FindAllSubmatch(openapiDocument, -1)
	for _, c := range cursors {
		_, notFeed := event.ParsePosition(string(c[1]))
		if _, notBrowsing := event.ParseBrowseCursor(string(c[1])); notFeed != nil && notBrowsing != nil {
			t.Errorf("%s: %v, %v", c[1], notFeed, notBrowsing)
		}
	}
	if len(cursors) == 0 {
		t.Error("there are none")
	}
}

// TestObjectsOfTheDocument say what their members are, or that any may be there. Generators take an object that says
// neither for one without members: a payload of {"a":1} did not compile with what openapi-typescript made of it.
func TestObjectsOfTheDocument(t *testing.T) {
	t.Parallel()
	var document any
	if err := json.Unmarshal(openapiDocument, &document); err != nil {
		t.Fatal(err)
	}
	if n := checkObjects(t, "", document); n < 10 {
		t.Errorf("only %d objects were found", n)
	}
}

// checkObjects returns how many schemas of objects there are below a part of the document.
func checkObjects(t *testing.T, path string, part any) (n int) {
	t.Helper()
	switch part := part.(type) {
	case []any:
		for i, element := range part {
			n += checkObjects(t, fmt.Sprintf("%s/%d", path, i), element)
		}
	case map[string]any:
		kinds, _ := part["type"].([]any)
		if len(kinds) > 2 { // one kind or null is what generators know
			t.Errorf("%s is of several kinds, which oapi-codegen refuses: without a type it is any value", path)
		}
		if part["type"] == "object" || slices.Contains(kinds, any("object")) {
			n++
			if part["properties"] == nil && part["additionalProperties"] == nil {
				t.Errorf("%s has neither properties nor additionalProperties", path)
			}
		}
		for name, member := range part {
			n += checkObjects(t, path+"/"+name, member)
		}
	}
	return n
}

// TestBodiesOfTheDocument: a body that may be one of several things has a schema with a name. What oapi-codegen makes of one
// without is sent as {}, whatever is in it.
func TestBodiesOfTheDocument(t *testing.T) {
	t.Parallel()
	bodies := 0
	for path, operations := range readDocument().Paths {
		for method, o := range operations {
			for mediaType, body := range o.RequestBody.Content {
				bodies++
				if body.Schema["oneOf"] != nil || body.Schema["anyOf"] != nil {
					t.Errorf("%s %s, %s: refer to a schema of components", method, path, mediaType)
				}
			}
		}
	}
	if bodies == 0 {
		t.Error("there are none")
	}
}

// documented wants an answer to be one that openapi.json tells of.
func (a answer) documented(t testing.TB, method, target string) {
	t.Helper()
	d := readDocument()
	path, _, _ := strings.Cut(target, "?")
	if strings.HasPrefix(path, "/docs/") {
		path = "/docs/{file}"
	}
	operations, known := d.Paths[path]
	for pattern := range d.Paths {
		if !known && matches(pattern, path) {
			operations, known = d.Paths[pattern], true
		}
	}
	if !known {
		if a.status != 404 && !(a.status == 204 && method == "OPTIONS" && path == "*") {
			t.Errorf("%s is not in the document, and answers %d", path, a.status)
		}
		return
	}
	if method == "HEAD" {
		method = "GET"
	}
	o, known := operations[strings.ToLower(method)]
	if !known || method != strings.ToUpper(method) {
		if !(a.status == 204 && method == "OPTIONS") && a.status != 405 {
			t.Errorf("%s %s is not in the document, and answers %d", method, path, a.status)
		}
		return
	}
	answer, known := o.Responses[strconv.Itoa(a.status)]
	if !known {
		t.Errorf("%s %s: the document does not tell of %d", method, path, a.status)
	}
	if a.kind() != "" && !slices.Contains(d.kinds(answer), a.kind()) {
		t.Errorf("%s %s: the document does not tell of %d %s", method, path, a.status, a.kind())
	}
}

func TestDocumentHasEveryRoute(t *testing.T) {
	t.Parallel()
	d, s := readDocument(), New(Config{Limits: testLimits(), Log: open(t).Log, Metrics: prometheus.NewRegistry()})
	var documented, served []string
	for path, operations := range d.Paths {
		for method, o := range operations {
			files := []string{path}
			if strings.Contains(path, "{file}") {
				files = nil
				for _, name := range o.Parameters[0].Schema.Enum {
					files = append(files, strings.Replace(path, "{file}", name, 1))
				}
			}
			for _, file := range files {
				documented = append(documented, strings.ToUpper(method)+" "+file)
			}
		}
	}
	for path, r := range s.routes {
		for method := range r.handlers {
			served = append(served, method+" "+path)
		}
	}
	same(t, "routes", documented, served)
}

// Every problem in the code is in the document with its status, and the other way
// round; so are the codes of events and the figures of /stats.
func TestDocumentHasEveryWord(t *testing.T) {
	t.Parallel()
	d := readDocument()
	var documented []string
	for status, name := range answersOf(d) {
		documented = append(documented, status+" "+name)
	}
	same(t, "problems", documented, problemsInCode(t))

	var codes, kinds []string
	for _, c := range event.Codes() {
		codes = append(codes, string(c))
	}
	same(t, "codes", d.Components.Schemas["Code"].Enum, codes)
	for _, urn := range d.Components.Schemas["Problem"].Properties["type"].Enum {
		kinds = append(kinds, strings.TrimPrefix(urn, "urn:ingot:problem:"))
	}
	for i, p := range problemsInCode(t) {
		_, kind, _ := strings.Cut(p, " ")
		if !slices.Contains(kinds, kind) || len(kinds) != len(problemsInCode(t)) {
			t.Errorf("problem %d, %s: the schema knows %v", i, p, kinds)
		}
	}

	var stats struct{ Queue map[string]any }
	var all map[string]any
	body := []byte(open(t).get(t, "/stats").body)
	if json.Unmarshal(body, &stats) != nil || json.Unmarshal(body, &all) != nil {
		t.Fatalf("%s", body)
	}
	schema := d.Components.Schemas["Stats"].Properties
	same(t, "figures", slices.Collect(maps.Keys(schema)), slices.Collect(maps.Keys(all)))
	same(t, "figures of the queue", slices.Collect(maps.Keys(schema["queue"].Properties)), slices.Collect(maps.Keys(stats.Queue)))
}

// answersOf goes through every status and problem that the document tells of.
func answersOf(d document) func(yield func(status, kind string) bool) {
	return func(yield func(status, kind string) bool) {
		add := func(status string, a documentedAnswer) {
			for _, kind := range d.kinds(a) {
				yield(status, kind)
			}
		}
		for _, operations := range d.Paths {
			for _, o := range operations {
				for status, a := range o.Responses {
					add(status, a)
				}
			}
		}
		var everywhere struct {
			Answers map[string]documentedAnswer `json:"x-everywhere"`
		}
		_ = json.Unmarshal(openapiDocument, &everywhere)
		for status, a := range everywhere.Answers {
			add(status, a)
		}
	}
}

// problemsInCode reads problem.go, so that nobody has to keep a list.
func problemsInCode(t *testing.T) (problems []string) {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), "problem.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(source, func(n ast.Node) bool {
		if literal, ok := n.(*ast.CompositeLit); ok && fmt.Sprint(literal.Type) == "problem" {
			kind, _ := strconv.Unquote(literal.Elts[1].(*ast.BasicLit).Value)
			problems = append(problems, literal.Elts[0].(*ast.BasicLit).Value+" "+kind)
		}
		return true
	})
	if len(problems) < 20 {
		t.Fatalf("only %v", problems)
	}
	return problems
}

func same(t *testing.T, what string, documented, real []string) {
	t.Helper()
	slices.Sort(documented)
	slices.Sort(real)
	documented, real = slices.Compact(documented), slices.Compact(real)
	if !slices.Equal(documented, real) {
		t.Errorf("%s: the document has %v, the server %v", what, documented, real)
	}
}

// The page and its parts come from this server alone, compressed or not.
func TestDocs(t *testing.T) {
	t.Parallel()
	g := open(t)
	page := g.get(t, "/docs")
	if page.status != 200 || page.body != string(docsPage) || page.header.Get("X-Content-Type-Options") != "nosniff" || strings.Contains(page.body, "://") || !strings.Contains(page.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("got %d %v %s", page.status, page.header, page.body)
	}
	if a := g.get(t, "/docs/docs.js"); a.status != 200 || !strings.Contains(a.body, "validatorUrl: null") {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := g.get(t, "/openapi.json"); a.status != 200 || a.body != string(openapiDocument) {
		t.Errorf("got %d", a.status)
	}
	for path, contentType := range map[string]string{"/docs/swagger-ui.css": "text/css; charset=utf-8", "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8"} {
		plain := g.get(t, path)
		zipped := g.do(t, request{"GET", path, []string{"Accept-Encoding: br, gzip"}, ""})
		if plain.status != 200 || plain.header.Get("Content-Encoding") != "" || plain.header.Get("Content-Type") != contentType {
			t.Errorf("%s: got %d %v", path, plain.status, plain.header)
		}
		if plain.header.Get("Vary") != "Accept-Encoding" || zipped.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: a cache may take one for the other: %v, %v", path, plain.header, zipped.header)
		}
		r, err := gzip.NewReader(strings.NewReader(zipped.body))
		if err != nil || zipped.header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s as gzip: got %d %v %v", path, zipped.status, zipped.header, err)
		}
		if inflated, err := io.ReadAll(r); err != nil || string(inflated) != plain.body || len(inflated) < 100_000 {
			t.Errorf("%s: %d bytes plain, %d inflated, %v", path, len(plain.body), len(inflated), err)
		}
		if a := g.do(t, request{"GET", path, []string{"Accept-Encoding: gzip;q=0"}, ""}); a.body != plain.body {
			t.Errorf("%s: gzip to a client that refuses it", path)
		}
		if a := g.do(t, request{method: "HEAD", target: path}); a.status != 200 || a.header.Get("Content-Length") != strconv.Itoa(len(plain.body)) {
			t.Errorf("HEAD %s: got %d %v", path, a.status, a.header)
		}
	}
}

// exchangeRecord is one request and its answer, for tools/openapi to hold against the
// document.
type exchangeRecord struct {
	Method, Target string
	Status         int
	Header         map[string][]string
	Body           []byte
}

var exchanges sync.Mutex

// record appends to the file that INGOT_EXCHANGES names, if it does.
func (a answer) record(t testing.TB, method, target string) {
	path := os.Getenv("INGOT_EXCHANGES")
	if path == "" {
		return
	}
	line, err := json.Marshal(exchangeRecord{method, target, a.status, a.header, []byte(a.body)})
	if err != nil {
		t.Fatal(err)
	}
	exchanges.Lock()
	defer exchanges.Unlock()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}
