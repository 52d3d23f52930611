package keys

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// addTo makes the binary of the tests add a key to this file, where files have no more than mostBytes: a limit is the whole
// process's.
const (
	addTo     = "INGOT_TEST_ADD_KEY"
	mostBytes = 200
)

func TestMain(m *testing.M) {
	if path := os.Getenv(addTo); path != "" {
		limit := syscall.Rlimit{Cur: mostBytes, Max: mostBytes}
		err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
		if err == nil {
			_, err = Add(path, "shop", []string{Publish}, 0)
		}
		fmt.Println(err)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// TestAFullDisk: a line that is written in part would be one that nobody understands, at the next start.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"", "\n"} {
		path, before := filepath.Join(t.TempDir(), "keys"), "#"+strings.Repeat(" ", mostBytes-20)+end
		write(t, path, before)
		add := exec.CommandContext(t.Context(), os.Args[0])
		add.Env = append(os.Environ(), addTo+"="+path)
		said, err := add.CombinedOutput()
		if err != nil || !strings.Contains(string(said), "too large") {
			t.Fatalf("%v: %s", err, said)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != before {
			t.Errorf("%v, and the file has %q", err, after)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// may lists what a key may do, and whose it is.
func may(f *File, key string) string {
	var name string
	var rights []string
	for _, right := range Rights() {
		of, _, yes := f.Holder([]byte(key), right)
		if name = of; yes {
			rights = append(rights, right)
		}
	}
	return name + ": " + strings.Join(rights, ",")
}

// TestAddedKeysMay: each key may what was said when it was made, and no other text may anything.
func TestAddedKeysMay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	made := map[string]string{}
	add := func(want, name string, rights ...string) {
		t.Helper()
		key, err := Add(path, name, rights, 0)
		if err != nil {
			t.Fatal(err)
		}
		if made[key] != "" || !strings.HasPrefix(key, "ingot_") || len(key) != len("ingot_")+43 {
			t.Errorf("the key %q: want another one of 256 bits", key)
		}
		made[key] = want
	}
	add("shop: publish", "shop", Publish)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines != 1 || !strings.HasSuffix(string(text), "\n") {
		t.Errorf("%q is not one line, behind which others may write theirs", text)
	}
	// As an editor may leave it: a comment, an empty line, no line break at the end.
	write(t, path, "\ufeff"+strings.TrimSuffix(string(text), "\n")+"\r\n\n# who may")
	add("shop: publish", "shop", Publish)
	add("mon-1: read,watch", "mon-1", Watch, Read)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if f.Len() != 3 {
		t.Errorf("%d keys, want 3", f.Len())
	}
	for key, want := range made {
		if got := may(f, key); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		for _, other := range []string{"", key + "x", key[:len(key)-1], strings.ToUpper(key), hashOf(key), hashPrefix + hashOf(key)} {
			if got := may(f, other); got != ": " {
				t.Errorf("%q for %q: %s", other, key, got)
			}
		}
	}
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), "ingot_") || strings.Count(string(text), "\n") != 5 {
		t.Errorf("the file has a key itself, or an empty line more (%v):\n%s", err, text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o022 != 0 {
		t.Errorf("%v (%v): others may add keys", info.Mode(), err)
	}
}

// TestLinesThatAreNone are told by their number, and by what to do. A file with one opens no door and adds no key.
func TestLinesThatAreNone(t *testing.T) {
	t.Parallel()
	good := "a publish sha256:" + strings.Repeat("0a", 32)
	for text, want := range map[string]string{
		"":                                       "it holds no key; to add one, run ingest key NAME",
		"# nothing\n":                            "it holds no key",
		good + "\n\nshop publish":                "line 3: expected three parts",
		good + " more":                           `line 1: "more": a part behind the hash must be events=N/s`,
		good + " events=5/s more":                `line 1: "more": there may be only one events=N/s and one topics=TOPIC,TOPIC; write a space`,
		good + " events=5/s topics=a events=5/s": `line 1: "events=5/s": there may be only one`,
		good + " topics=a topics=b":              `line 1: "topics=b": there may be only one`,
		good + " topics=a b":                     `line 1: "b": a part behind the hash must be events=N/s, the number of events allowed per second, or topics=TOPIC,TOPIC`,
		good + " topics=":                        "line 1: topics: a topic is empty; leave out its comma, or the whole list for all topics",
		good + " topics=a,*":                     "line 1: topics: * alone would be all topics",
		good + " topics=a*b":                     `line 1: topics: "a*b": a star must be the last character`,
		good + "\n" + good + " topics=50%":       `line 2: topics: "50%": a percent sign must begin an escape`,
		good + " topics=%00":                     `line 1: topics: "%00": a topic must be UTF-8`,
		"a watch" + good[len("a publish"):] + " topics=a":  "line 1: topics are only for keys with the right publish or read: watch shows figures of all topics",
		good + " events=0/s":                               "line 1: 0 events per second: must be 1 to",
		good + " events=5":                                 `line 1: "events=5": a part behind the hash must be events=N/s`,
		good + " events=+5/s":                              `line 1: "events=+5/s": a part behind the hash must be events=N/s`,
		good + " rate=5/s":                                 `line 1: "rate=5/s": a part behind the hash must be events=N/s`,
		good + " 5/s":                                      `line 1: "5/s": a part behind the hash must be events=N/s`,
		"a read" + good[len("a publish"):] + " events=5/s": "line 1: 5 events per second: a rate is only for keys with the right publish",
		good + " events=5/s\n" + strings.Replace(good, "0a", "0b", 1): "line 2 must have the same events=N/s as line 1, or none if that line has none: the keys of a share one rate",
		"a/b publish sha256:00":                             `line 1: the name "a/b" must be 1 to 64 letters`,
		"a write sha256:00":                                 `line 1: "write" is not a right: use publish, read, watch`,
		"a publish, sha256:00":                              `line 1: "" is not a right`,
		"a read,read sha256:00":                             "line 1: the right read is given twice",
		"a read sha256:00":                                  "line 1: the hash",
		"a read md5:" + strings.Repeat("0a", 32):            "line 1: the hash",
		"a read " + strings.Repeat("0a", 32):                "line 1: the hash",
		"a read sha256:" + strings.Repeat("0g", 32):         "line 1: the hash",
		good + "00":                                         "line 1: the hash",
		good + "\na read sha256:" + hashOf(""):              "line 2: the hash is that of no key at all",
		good + "\nb read" + good[len("a publish"):]:         "line 2 repeats the key of line 1",
		"a read ingot_AAAA":                                 "line 1: the hash",
		"ingot_AAAA read sha256:00":                         "line 1: the name begins with ingot_",
		"a ingot_" + strings.Repeat("_", 10) + "AAAA read":  `line 1: "ingot___________" is not a right`,
		"a sha256:" + strings.Repeat("0", 10) + "0a0a read": `line 1: "sha256:000000000" is not a right`,
		"sha256:" + strings.Repeat("0", 10) + "0a0a a read": `line 1: the name "sha256:000000000"`,
		strings.Repeat("#", maxFile+1):                      "is it the right file",
	} {
		path := filepath.Join(t.TempDir(), "keys")
		write(t, path, text)
		if _, err := Open(path); err == nil || !strings.HasPrefix(err.Error(), path+": "+want) && !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		} else if strings.Contains(err.Error(), "0a0a") || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%.60q: %v tells of the hash", text, err)
		}
		if strings.Contains(text, "sha256") || len(text) > maxFile { // the others are merely empty
			if key, err := Add(path, "b", []string{Read}, 0); err == nil {
				t.Errorf("%.60q: a key %q was added", text, key)
			}
			if left, _ := os.ReadFile(path); string(left) != text {
				t.Errorf("%.60q has become %.200q", text, left)
			}
		}
	}
	for _, c := range []struct {
		name      string
		rights    []string
		perSecond int
		topics    []string
		want      string
	}{
		{"", []string{Read}, 0, nil, "the name"},
		{"a b", []string{Read}, 0, nil, "the name"},
		{"ingot_" + strings.Repeat("A", 43), []string{Read}, 0, nil, "the name begins with ingot_"},
		{strings.Repeat("a", 65), []string{Read}, 0, nil, "the name"},
		{"a", nil, 0, nil, "a key needs one or more"},
		{"a", []string{"Read"}, 0, nil, `"Read"`},
		{"a", []string{Publish}, -1, nil, "-1 events per second: must be 1 to"},
		{"a", []string{Publish}, maxRate + 1, nil, "events per second: must be 1 to"},
		{"a", []string{Read}, 5, nil, "the right publish"},
		{"a", []string{Read}, 0, []string{""}, "topics: a topic is empty"},
		{"a", []string{Read}, 0, []string{"b", "a*b"}, `topics: "a*b": a star`},
		{"a", []string{Watch}, 0, []string{"b"}, "the right publish or read"},
	} {
		path := filepath.Join(t.TempDir(), "keys")
		if _, err := Add(path, c.name, c.rights, c.perSecond, c.topics...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %q: %v, want %s", c.name, c.rights, err, c.want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%q %q has made a file", c.name, c.rights)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestTopicsOfAKey: what is typed is in the file as one word, and a key has the topics of its own line, as it is now.
func TestTopicsOfAKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	add := func(rights []string, perSecond int, topics ...string) string {
		t.Helper()
		key, err := Add(path, "shop", rights, perSecond, topics...)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	some := add([]string{Publish, Watch}, 5, "payment-*, my topic", "a%2Cb", "50%25", "ü/x")
	other, all := add([]string{Read}, 0, "orders"), add([]string{Publish}, 5)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(string(text), "\n"); !strings.HasSuffix(lines[0], " events=5/s topics=50%25,a%2Cb,my%20topic,payment-*,%C3%BC%2Fx") || !strings.HasSuffix(lines[1], " topics=orders") || !strings.HasSuffix(lines[2], " events=5/s") {
		t.Errorf("the file has\n%s", text)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	has := func(key string) string {
		_, topics, _ := f.Holder([]byte(key), Publish)
		return fmt.Sprint(topics.Has("payment-1"), topics.Has("my topic"), topics.Has("a,b"), topics.Has("50%"), topics.Has("ü/x"), topics.Has("orders"), topics.Has("x"))
	}
	for key, want := range map[string]string{some: "true true true true true false false", other: "false false false false false true false", all: "true true true true true true true"} {
		if got := has(key); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	write(t, path, strings.Replace(strings.Replace(string(text), "events=5/s topics=50%25,", "topics=x events=5/s ", 1), "a%2Cb,my%20topic,payment-*,%C3%BC%2Fx", "", 1))
	if changed, err := f.Refresh(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if got := has(some); got != "false false false false false false true" {
		t.Errorf("its line was changed: %s", got)
	}
}

// TestRefresh: what is changed counts from then on; a file that is not understood leaves the keys as they
// were, and is told of once.
func TestRefresh(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	old, err := Add(path, "old", []string{Read}, 0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	refresh := func(changed bool, failure string) {
		t.Helper()
		got, err := f.Refresh()
		if got != changed || (err == nil) != (failure == "") || err != nil && !strings.Contains(err.Error(), failure) {
			t.Errorf("%v, %v; want %v, %s", got, err, changed, failure)
		}
	}
	refresh(false, "")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	added, err := Add(path, "new", []string{Publish}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := may(f, added); got != ": " {
		t.Errorf("before it was read again: %s", got)
	}
	refresh(true, "")
	refresh(false, "")
	both, _ := os.ReadFile(path)
	for _, broken := range []string{"half a li", "half a line"} {
		write(t, path, broken)
		_, err := f.Refresh()
		if err == nil && broken != "half a line" { // the same fault as before it
			t.Errorf("%q was taken", broken)
		}
		refresh(false, "")
		if may(f, old) != "old: read" || may(f, added) != "new: publish" {
			t.Errorf("%q: the keys from before do not hold", broken)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refresh(false, "no such file")
	refresh(false, "")
	write(t, path, string(both)) // as it was when it was understood last
	refresh(true, "")
	write(t, path, string(both[len(text):]))
	refresh(true, "")
	if may(f, old) != ": " || may(f, added) != "new: publish" {
		t.Errorf("a line was taken out: %s, %s", may(f, old), may(f, added))
	}
	for _, none := range []string{"", "# nobody\n"} {
		write(t, path, none) // by an editor that is about to write the rest
		refresh(false, "it holds no key")
		if may(f, added) != "new: publish" {
			t.Errorf("%q at the first look: %s", none, may(f, added))
		}
		refresh(true, "") // or it is meant
		if f.Len() != 0 || may(f, added) != ": " {
			t.Errorf("%q at the second look: %s", none, may(f, added))
		}
		refresh(false, "")
		write(t, path, string(both[len(text):]))
		refresh(true, "")
		if may(f, added) != "new: publish" {
			t.Errorf("%q, and then a key again: %s", none, may(f, added))
		}
	}
}

// TestWhatIsNoFile is refused at once: a named pipe nobody writes to, a folder, what has no end, what forgets.
func TestWhatIsNoFile(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, t.TempDir(), "/dev/zero", "/dev/null"} {
		if _, err := Open(path); err == nil || err.Error() != path+": it must be a regular file, since it is read again and again" {
			t.Errorf("open: %v", err)
		}
		if key, err := Add(path, "a", []string{Read}, 0); err == nil {
			t.Errorf("%s took the key %s", path, key)
		}
	}
	path := filepath.Join(t.TempDir(), "keys")
	key, err := Add(path, "a", []string{Read}, 0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(pipe, path); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Refresh(); err == nil || may(f, key) != "a: read" {
		t.Errorf("a pipe in place of the file: %v, %s", err, may(f, key))
	}
}

func BenchmarkHolder(b *testing.B) {
	path := filepath.Join(b.TempDir(), "keys")
	key, err := Add(path, "a", []string{Publish}, 0)
	if err != nil {
		b.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	given := []byte(key)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, may := f.Holder(given, Publish); !may {
			b.Fatal("it may")
		}
	}
}
