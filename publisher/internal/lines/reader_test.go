package lines

import (
	"bytes"
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

// spell writes what a Reader gives out: number.part text, … for a line that
// goes on, and the error that ends them.
func spell(r *Reader) string {
	var out []string
	for {
		l, err := r.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(out, "|")
		}
		if err != nil {
			return strings.Join(out, "|") + "!" + err.Error()
		}
		out = append(out, fmt.Sprintf("%d.%d %s%s", l.Number, l.Part, l.Text, map[bool]string{false: "…"}[l.Last]))
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"one line", "a\n", "1.1 a"},
		{"no line feed at the end", "a\nb", "1.1 a|2.1 b"},
		{"blank lines count", "a\n\n\nb\n", "1.1 a|2.1 |3.1 |4.1 b"},
		{"a carriage return is a byte like others", "a\r\nb\rc\n\r\n", "1.1 a\r|2.1 b\rc|3.1 \r"},
		{"as long as the window", "12345678\nb", "1.1 12345678|2.1 b"},
		{"one longer", "123456789\nb", "1.1 123456789…|1.2 |2.1 b"},
		{"in three pieces", "12345678_12345678_123\nb\n", "1.1 12345678_…|1.2 12345678_…|1.3 123|2.1 b"},
		{"a long last line", "12345678_", "1.1 12345678_…|1.2 "},
	} {
		for name, src := range map[string]io.Reader{"whole": strings.NewReader(c.in), "bytewise": iotest.OneByteReader(strings.NewReader(c.in)), "with EOF": iotest.DataErrReader(strings.NewReader(c.in))} {
			if got := spell(NewReader(src, 8)); got != c.want {
				t.Errorf("%s, %s: %q, want %q", c.name, name, got, c.want)
			}
		}
	}
}

// script is a source that says one thing after the other.
type script []any

func (s *script) Read(p []byte) (int, error) {
	if len(*s) == 0 {
		return 0, io.EOF
	}
	next := (*s)[0]
	*s = (*s)[1:]
	if err, ok := next.(error); ok {
		return 0, err
	}
	return copy(p, next.(string)), nil
}

func TestANewFileEndsTheLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   script
		want string
	}{
		{script{"a\nb", ErrNewFile, "c\n"}, "1.1 a|2.1 b|3.1 c"},
		{script{"a\n", ErrNewFile, ErrNewFile, "c\n"}, "1.1 a|2.1 c"},
		{script{"123456789", ErrNewFile, "c\n"}, "1.1 123456789…|1.2 |2.1 c"},
		{script{"a\nb", errors.New("broken")}, "1.1 a!broken"},
	} {
		r := NewReader(&c.in, 8)
		if got := spell(r); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
		if broken := strings.HasSuffix(c.want, "broken"); broken != (r.Pending() == 1) {
			t.Errorf("%d bytes pending after %q", r.Pending(), c.want)
		}
	}
}

// TestNothingIsLost gives random bytes back at random, and puts the file together.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		in := make([]byte, chance.IntN(60))
		for i := range in {
			in[i] = "\n\n\rabc"[chance.IntN(6)]
		}
		r := NewReader(iotest.HalfReader(bytes.NewReader(in)), 8)
		var out []byte
		size, number := 0, int64(1)
		for {
			l, err := r.Next()
			if err != nil {
				break
			}
			if l.Number != number {
				t.Fatalf("%q: line %d, want %d", in, l.Number, number)
			}
			size += l.Size
			if n := len(l.Text); n > 1 && chance.IntN(3) == 0 {
				back := 1 + chance.IntN(n-1)
				r.Unread(back)
				size -= back + l.Size - n
				l.Text, l.Last = l.Text[:n-back], false
			}
			out = append(out, l.Text...)
			if l.Last {
				out = append(out, '\n')
				number++
			}
		}
		if len(in) > 0 && in[len(in)-1] != '\n' {
			out = bytes.TrimSuffix(out, []byte{'\n'})
		}
		if !bytes.Equal(in, out) || size != len(in) {
			t.Fatalf("%q came back as %q, sizes add up to %d", in, out, size)
		}
	}
}
