package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ingot/internal/event"
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

	ratePrefix, rateSuffix = "events=", "/s"
	maxRate                = 1_000_000_000
	topicsPrefix           = "topics="

	// maxFile bounds what is read of a file: some ten thousand keys, or any chain of certificates.
	maxFile = 1 << 20

	// maxQuoted bounds what an error quotes of a word in the wrong place, which may be a key, or a hash.
	maxQuoted = 16
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

var errNoKeys = fmt.Errorf("it holds no key; to add one, run ingest key NAME %s", strings.Join(Rights(), " "))

type hash [sha256.Size]byte

// ring is what the lines of the file say. Only what is left of its rates ever changes.
type ring struct {
	holders map[hash]holder
	rates   map[string]*rate // by name
}

type holder struct {
	name   string
	rights []string
	rate   int          // events a second, 0: as many as come
	topics *event.Scope // nil: all
	line   int
}

// parse reads the lines of a file. Its errors name the line and what to do. Of a word in the wrong place, which
// may be a key or a hash, they say no more than the first maxQuoted characters.
func parse(text []byte) (*ring, error) {
	r := &ring{holders: map[hash]holder{}, rates: map[string]*rate{}}
	senders := map[string]holder{} // by name
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) { // a byte order mark: some editors put one there
		number++
		fields := strings.Fields(string(line))
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		h, of, err := parseLine(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		of.line = number
		if err := r.add(h, of, senders); err != nil {
			return nil, err
		}
	}
	if len(r.holders) == 0 {
		return nil, errNoKeys
	}
	return r, nil
}

// add adds the holder of a line. senders are the holders so far whose keys may publish, the last of each name.
func (r *ring) add(h hash, of holder, senders map[string]holder) error {
	if before, twice := r.holders[h]; twice {
		return fmt.Errorf("line %d repeats the key of line %d: each key must have only one line", of.line, before.line)
	}
	r.holders[h] = of
	if !slices.Contains(of.rights, Publish) {
		return nil
	}
	if before, again := senders[of.name]; again && before.rate != of.rate {
		return fmt.Errorf("line %d must have the same %sN%s as line %d, or none if that line has none: the keys of %s share one rate", of.line, ratePrefix, rateSuffix, before.line, of.name)
	}
	senders[of.name] = of
	if of.rate > 0 {
		r.rates[of.name] = newRate(of.rate)
	}
	return nil
}

// inherit takes over from the ring before what each name has left, if its rate is the same: reading the file again
// must not refill anybody's bucket.
func (r *ring) inherit(from *ring) {
	for name, rate := range r.rates {
		if before := from.rates[name]; before != nil && before.perSecond == rate.perSecond {
			r.rates[name] = before
		}
	}
}

func parseLine(fields []string) (h hash, of holder, err error) {
	if len(fields) < 3 {
		return h, of, fmt.Errorf("expected three parts: a name, its rights (such as %s,%s), and %s followed by 64 hex digits; optional parts behind them are %sN%s and %sTOPIC,TOPIC", Publish, Read, hashPrefix, ratePrefix, rateSuffix, topicsPrefix)
	}
	of.name, of.rights = fields[0], strings.Split(fields[1], ",")
	if err := checkName(of.name); err != nil {
		return h, of, err
	}
	if err := checkRights(of.rights); err != nil {
		return h, of, err
	}
	digits, prefixed := strings.CutPrefix(fields[2], hashPrefix)
	if _, err := hex.Decode(h[:], []byte(digits[:min(len(digits), 2*len(h))])); err != nil || len(digits) != 2*len(h) || !prefixed {
		return h, of, fmt.Errorf("the hash must be %s followed by 64 hex digits, as ingest key writes it", hashPrefix)
	}
	if h == sha256.Sum256(nil) {
		return h, of, errors.New("the hash is that of no key at all, as a script makes it whose variable for the key is not set: requests without a key would have these rights")
	}
	for _, field := range fields[3:] {
		if err := of.take(field); err != nil {
			return h, of, err
		}
	}
	return h, of, nil
}

// take reads one of the optional parts of a line.
func (of *holder) take(field string) (err error) {
	list, topics := strings.CutPrefix(field, topicsPrefix)
	switch {
	case topics && of.topics == nil:
		of.topics, err = parseTopics(list, of.rights)
	case !topics && of.rate == 0:
		if of.rate, err = parseRate(field); err == nil {
			err = checkRate(of.rate, of.rights)
		}
	default:
		err = fmt.Errorf("%.*q: there may be only one %sN%s and one %sTOPIC,TOPIC; write a space that is part of a topic as %%20", maxQuoted, field, ratePrefix, rateSuffix, topicsPrefix)
	}
	return err
}

func parseTopics(list string, rights []string) (*event.Scope, error) {
	if !slices.Contains(rights, Publish) && !slices.Contains(rights, Read) {
		return nil, fmt.Errorf("topics are only for keys with the right %s or %s: %s shows figures of all topics", Publish, Read, Watch)
	}
	topics, err := event.ParseScope(list)
	if err != nil {
		return nil, fmt.Errorf("topics: %w", err)
	}
	return topics, nil
}

func parseRate(field string) (int, error) {
	digits, prefixed := strings.CutPrefix(field, ratePrefix)
	digits, suffixed := strings.CutSuffix(digits, rateSuffix)
	perSecond, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || !prefixed || !suffixed {
		return 0, fmt.Errorf("%.*q: a part behind the hash must be %sN%s, the number of events allowed per second, or %sTOPIC,TOPIC, or be left out", maxQuoted, field, ratePrefix, rateSuffix, topicsPrefix)
	}
	return int(perSecond), nil
}

func checkRate(perSecond int, rights []string) error {
	switch {
	case perSecond < 1 || perSecond > maxRate:
		return fmt.Errorf("%d events per second: must be 1 to %d", perSecond, maxRate)
	case !slices.Contains(rights, Publish):
		return fmt.Errorf("%d events per second: a rate is only for keys with the right %s", perSecond, Publish)
	}
	return nil
}

// checkName also refuses a key in place of a name, since everybody may read the names in the file.
func checkName(name string) error {
	switch {
	case !nameForm.MatchString(name):
		return fmt.Errorf("the name %.*q must be 1 to 64 letters, digits, dots, dashes and underscores", maxQuoted, name)
	case strings.HasPrefix(name, keyPrefix):
		return fmt.Errorf("the name begins with %s, as keys do: use the name of the key's holder", keyPrefix)
	}
	return nil
}

func checkRights(rights []string) error {
	for i, right := range rights {
		if !slices.Contains(Rights(), right) {
			return fmt.Errorf("%.*q is not a right: use %s", maxQuoted, right, strings.Join(Rights(), ", "))
		}
		if slices.Contains(rights[:i], right) {
			return fmt.Errorf("the right %s is given twice", right)
		}
	}
	return nil
}

func (r *ring) holder(key []byte, right string) (name string, topics *event.Scope, may bool) {
	of, known := r.holders[sha256.Sum256(key)]
	return of.name, of.topics, known && slices.Contains(of.rights, right)
}
