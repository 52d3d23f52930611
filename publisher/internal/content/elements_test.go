package content

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// spellElements writes what Elements gives out: number and text, … for an element that is cut off, and the error that ends them.
func spellElements(e *Elements) string {
	var out []string
	for {
		l, err := e.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(out, "|")
		}
		if err != nil {
			return strings.Join(out, "|") + "!" + err.Error()
		}
		out = append(out, fmt.Sprintf("%d %s%s", l.Number, l.Text, map[bool]string{false: "…"}[l.Last]))
	}
}

func TestElements(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"blank", " \r\n\t", ""},
		{"no elements", " [ ] ", ""},
		{"a byte order mark", "\ufeff[1]", "1 1"},
		{"an array", `[{"a":1}, {"b":[2,{}]} ,3,"]",null,[]]`, `1 {"a":1}|2 {"b":[2,{}]}|3 3|4 "]"|5 null|6 []`},
		{"over several lines, of which each is kept", "[\n{\r\n\"a\":\n1}\n,\n2\n]\n", "1 {\r\n\"a\":\n1}|2 2"},
		{"brackets and quotes in strings", `[{"a":"}]\"{\\"},"\\\""]`, `1 {"a":"}]\"{\\"}|2 "\\\""`},
		{"objects by themselves", "{\"a\":1}{}\n\n{ }", `1 {"a":1}|2 {}|3 { }`},
		{"several arrays", "[1]\n[][2,3]", "1 1|2 2|3 3"},
		{"a list of events", ` { "events" : [1,{"events":[]}], "next_cursor":"}", "more":{"a":[1]}} `, `1 1|2 {"events":[]}`},
		{"several lists", `{"events":[]}{"events":[1]}[2]`, "1 1|2 2"},
		{"events that are no array", `{"events":1}`, `1 {"events":1}`},
		{"as long as the window", `["345678901234567890"]`, `1 "345678901234567890"`},
		{"one longer, and another", `["3456789012345678901","a"]`, `1 "3456789012345678901…|2 "a"`},
		{"what is no JSON, but has an end", `[{"a":,},tru,{]`, `1 {"a":,}|2 tru![2] is not JSON, and its end cannot be found: there is "]" where "{" must be closed`},
		{"cut in an element", `[1,{"a":`, "1 1!it is truncated, or a quote or a bracket is missing: [1] has no end"},
		{"cut in a string", `[1,"a\"]`, "1 1!it is truncated, or a quote or a bracket is missing: [1] has no end"},
		{"cut in a number", `[1`, "!it is truncated, or a quote or a bracket is missing: [0] has no end"},
		{"cut behind an element", "[1 ", "1 1!it is truncated: its array has no end"},
		{"cut behind a comma", "[1,\n", "1 1!it is truncated: its array has no end"},
		{"cut at the beginning", "[", "!it is truncated: its array has no end"},
		{"cut behind a list", `{"events":[1],"next`, `1 1!it is truncated: the object around "events" has no end`},
		{"no comma", `[1 2]`, `1 1!before [1] it stops being JSON: expected a comma or the end of the array, found "2"`},
		{"a comma too many", `[1,]`, `1 1!before [1] it stops being JSON: expected an element, found "]"`},
		{"a comma first", `[,1]`, `!before [0] it stops being JSON: expected an element, found ","`},
		{"text behind it", "[1]\nand so on", `1 1!before [1] it stops being JSON: expected an array or an object, found "a"`},
		{"a byte that begins a mark", "\xef[1]", `!before [0] it stops being JSON: expected an array or an object, found "\xef"`},
		{"a mark that is not at the beginning", "[\ufeff1]", "1 \ufeff1"},
		{"too deep", "[" + strings.Repeat("[", maxNesting+1), fmt.Sprintf("![0] is nested more than %d levels deep", maxNesting)},
	} {
		for how, src := range map[string]io.Reader{"at once": strings.NewReader(c.in), "by bytes": iotest.OneByteReader(strings.NewReader(c.in))} {
			e := NewElements(src, 20)
			if got := spellElements(e); got != c.want {
				t.Errorf("%s, %s: %s\nwant %s", c.name, how, got, c.want)
			}
			if n := e.Pending(); n != 0 {
				t.Errorf("%s: %d bytes are pending", c.name, n)
			}
			if _, again := e.Next(); again == nil {
				t.Errorf("%s: there is more behind the end", c.name)
			}
		}
	}
}

// value draws a value, nested no deeper than depth.
func value(depth int) any {
	switch n := rand.IntN(6); {
	case depth > 0 && n == 0:
		list := []any{}
		for range rand.IntN(4) {
			list = append(list, value(depth-1))
		}
		return list
	case depth > 0 && n < 4:
		object := map[string]any{}
		for range rand.IntN(4) {
			object[text()] = value(depth - 1)
		}
		return object
	case n == 4:
		return rand.IntN(100)
	}
	return text()
}

func text() string {
	out := ""
	for range rand.IntN(6) {
		out += string([]rune(`"\{}[],:` + "\n é\ufeff")[rand.IntN(12)])
	}
	return out
}

// TestElementsAreThoseOfTheDecoder of the standard library, byte for byte, and stand for all bytes of the source.
func TestElementsAreThoseOfTheDecoder(t *testing.T) {
	t.Parallel()
	for range 2000 {
		list := []any{}
		for range rand.IntN(5) {
			list = append(list, value(3))
		}
		text, err := json.Marshal(list)
		if rand.IntN(2) == 0 {
			text, err = json.MarshalIndent(list, strings.Repeat(" ", rand.IntN(2)), "\t")
		}
		var want []json.RawMessage
		if err := errors.Join(err, json.Unmarshal(text, &want)); err != nil {
			t.Fatal(err)
		}
		e, size := NewElements(bytes.NewReader(text), 1<<20), 0
		for n, w := range want {
			l, err := e.Next()
			size += l.Size
			if err != nil || string(l.Text) != string(w) || l.Number != int64(n)+1 || !l.Last {
				t.Fatalf("%s: element %d is %q (%v), want %q", text, n, l.Text, err, w)
			}
		}
		if _, err := e.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("%s: at the end %v", text, err)
		}
		if blank := len(bytes.TrimRight(bytes.TrimSpace(text), "\n\t ]")); len(want) > 0 && (size < blank || size > len(text)) {
			t.Errorf("%s: its elements stand for %d of %d bytes", text, size, len(text))
		}
	}
}

// TestElementsOfAnything end, stand for no more bytes than there are, and are all there is where encoding/json takes the text for an array.
func TestElementsOfAnything(t *testing.T) {
	t.Parallel()
	const bytesOf = "[]{}\",:\\ \n1e\xef\xbb\xbf\x00"
	arrays := 0
	for range 20_000 {
		text := make([]byte, rand.IntN(30))
		for i := range text {
			text[i] = bytesOf[rand.IntN(len(bytesOf))]
		}
		if rand.IntN(2) == 0 {
			text = append([]byte("[1"), text...)
		}
		var want []json.RawMessage
		array := json.Unmarshal(text, &want) == nil && want != nil
		e, n, size := NewElements(bytes.NewReader(text), 8), 0, 0
		l, err := e.Next()
		for ; err == nil; l, err = e.Next() {
			n++
			size += l.Size
		}
		if size > len(text) || array && (n != len(want) || !errors.Is(err, io.EOF)) {
			t.Errorf("%q: %d elements of %d bytes, then %v; encoding/json: %t, %d", text, n, size, err, array, len(want))
		}
		arrays += map[bool]int{true: 1}[array]
	}
	if arrays == 0 {
		t.Error("no text was an array")
	}
}

// TestElementsOfASourceThatFails: what is read of an element is pending.
func TestElementsOfASourceThatFails(t *testing.T) {
	t.Parallel()
	stopped := errors.New("stopped")
	e := NewElements(io.MultiReader(strings.NewReader(`[1,{"a":`), iotest.ErrReader(stopped)), 100)
	if got := spellElements(e); got != "1 1!stopped" || e.Pending() != len(`{"a":`) {
		t.Errorf("%s, %d bytes pending", got, e.Pending())
	}
}
