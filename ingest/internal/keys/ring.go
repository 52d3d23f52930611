package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What a key may do.
const (
	Publish = "publish" // send events
	Read    = "read"    // read and follow them; keep subscriptions
	Watch   = "watch"   // see totals and figures
)

// Rights are all there are.
func Rights() []string { return []string{Publish, Read, Watch} }

const (
	hashPrefix = "sha256:"

	// maxFile bounds what is read of a file: some ten thousand keys, or any chain of certificates.
	maxFile = 1 << 20

	// maxQuoted bounds what an error says of a word in the wrong place: it may be a key, or a hash.
	maxQuoted = 16
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

var errNoKeys = fmt.Errorf("it has no key: ingest key NAME %s makes one", strings.Join(Rights(), " "))

type hash [sha256.Size]byte

// ring is what the lines say; it does not change.
type ring map[hash]holder

type holder struct {
	name   string
	rights []string
	line   int
}

// parse reads the lines of a file. Its errors name the line and what to do, and nothing of a hash, nor of a key that somebody
// has written there.
func parse(text []byte) (ring, error) {
	r := ring{}
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) { // which some editors put there
		number++
		fields := strings.Fields(string(line))
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		h, of, err := parseLine(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if before, twice := r[h]; twice {
			return nil, fmt.Errorf("line %d has the key of line %d: a key has one line", number, before.line)
		}
		of.line = number
		r[h] = of
	}
	if len(r) == 0 {
		return nil, errNoKeys
	}
	return r, nil
}

func parseLine(fields []string) (h hash, of holder, err error) {
	if len(fields) != 3 {
		return h, of, fmt.Errorf("want three parts: a name, what it may do (as %s,%s), and %s with 64 hex digits", Publish, Read, hashPrefix)
	}
	of.name, of.rights = fields[0], strings.Split(fields[1], ",")
	if err := checkName(of.name); err != nil {
		return h, of, err
	}
	if err := checkRights(of.rights); err != nil {
		return h, of, err
	}
	digits, prefixed := strings.CutPrefix(fields[2], hashPrefix)
	if n, err := hex.Decode(h[:], []byte(digits[:min(len(digits), 2*len(h))])); err != nil || n != len(h) || len(digits) != 2*len(h) || !prefixed {
		return h, of, fmt.Errorf("the hash: want %s and 64 hex digits, as ingest key writes it", hashPrefix)
	}
	return h, of, nil
}

// checkName refuses keys too: names stand in the file for everybody to read.
func checkName(name string) error {
	switch {
	case !nameForm.MatchString(name):
		return fmt.Errorf("the name %.*q: want 1 to 64 letters, digits, dots, dashes and underscores", maxQuoted, name)
	case strings.HasPrefix(name, keyPrefix):
		return fmt.Errorf("the name begins with %s, as keys do: want the name of its holder", keyPrefix)
	}
	return nil
}

func checkRights(rights []string) error {
	for i, right := range rights {
		if !slices.Contains(Rights(), right) {
			return fmt.Errorf("%.*q is nothing a key may do: want %s", maxQuoted, right, strings.Join(Rights(), ", "))
		}
		if slices.Contains(rights[:i], right) {
			return fmt.Errorf("%s stands there twice", right)
		}
	}
	return nil
}

func (r ring) holder(key []byte, right string) (name string, may bool) {
	of, known := r[sha256.Sum256(key)]
	return of.name, known && slices.Contains(of.rights, right)
}
