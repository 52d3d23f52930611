package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"ingot/publisher/internal/content"
	"ingot/publisher/internal/ingottest"
)

// compressions make, of texts, a file of as many members or frames.
var compressions = map[string]func(t *testing.T, texts ...string) string{"gz": gzipOf, "zst": zstdOf}

func gzipOf(t *testing.T, texts ...string) string {
	t.Helper()
	var out bytes.Buffer
	for _, text := range texts {
		w := gzip.NewWriter(&out)
		_, err := io.WriteString(w, text)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func zstdOf(t *testing.T, texts ...string) string {
	t.Helper()
	var out bytes.Buffer
	for _, text := range texts {
		w, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(w, text)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// TestACompressedFileIsWhatItHolds: its lines are those of the file before, with its name, its topic and its ids.
func TestACompressedFileIsWhatItHolds(t *testing.T) {
	t.Parallel()
	for ending, compressed := range compressions {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			network := ingottest.Network(t, srv)
			plain := written(t, "dpkg.log.2", nasty)
			packed := written(t, "dpkg.log.2."+ending, compressed(t, nasty[:100], nasty[100:200_000], nasty[200_000:]))
			exit, o := replayed(t, t.Context(), network, "", packed)
			want := lineCounts{Lines: 10, Blank: 2, Whole: 7, Split: 1, Pieces: 2, Base64: 2}
			if exit != exitOK || o.Lines != want || o.Stored != 9 || o.Audit.Found != 9 || o.Files[0] != (fileSaid{packed, "lines", "dpkg.log", ""}) {
				t.Errorf("%s: exit %d, %+v", ending, exit, o)
			}
			if exit, o = replayed(t, t.Context(), network, "", plain); exit != exitOK || o.Lines != want || o.Stored != 0 || o.Duplicates != 9 || o.Audit.Found != 9 {
				t.Errorf("%s, then the plain file: exit %d, %+v", ending, exit, o)
			}
		})
	}
}

// TestCompressedEvents are events, also on standard input, and under a name that does not tell.
func TestCompressedEvents(t *testing.T) {
	t.Parallel()
	for ending, compressed := range compressions {
		synctest.Test(t, func(t *testing.T) {
			network := ingottest.Network(t, &ingottest.Server{})
			events := compressed(t, fmt.Sprintf(aEvent, "a", 1)+"\n"+fmt.Sprintf(aEvent, "b", 2))
			if exit, o := replayed(t, t.Context(), network, events, "-"); exit != exitOK || o.Stored != 2 || o.Files[0].Format != "events" {
				t.Errorf("%s: exit %d, %+v", ending, exit, o)
			}
			if exit, o := replayed(t, t.Context(), network, "", written(t, "events", events)); exit != exitOK || o.Duplicates != 2 {
				t.Errorf("%s, by name: exit %d, %+v", ending, exit, o)
			}
		})
	}
}

// TestNamesOfCompressedFiles: what compressing has put behind a name is no part of it.
func TestNamesOfCompressedFiles(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/var/log/dpkg.log.2.gz": "dpkg.log.2", "app.zst": "app", "app.log": "app.log", ".gz": ".gz", "a/.zst": ".zst", "app.gzip": "app.gzip", "-": "stdin",
	} {
		if got := nameOf(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	exit, _, stderr := command(t.Context(), nil, "replay", "a/dpkg.log.2", "b/dpkg.log.2.gz")
	if exit != exitUsage || !strings.Contains(stderr, "the same name (.gz and .zst do not count)") {
		t.Errorf("exit %d, %s", exit, stderr)
	}
}

// manyLines are random, so that compressing leaves much of them.
func manyLines(n int) string {
	chance := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for range n {
		fmt.Fprintf(&text, "%032x%032x\n", chance.Uint64(), chance.Uint64())
	}
	return text.String()
}

// TestACutArchive is told with its name, wherever it is cut; whole lines are sent, and the cut one is not.
func TestACutArchive(t *testing.T) {
	t.Parallel()
	text := manyLines(15_000)
	for ending, compressed := range compressions {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			whole := compressed(t, text)
			path := written(t, "app.log."+ending, whole[:len(whole)/2])
			exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "", "--concurrency=1", path)
			if exit != exitBad || !strings.Contains(o.Problems["read"], path+": it is truncated") || srv.Rows() != o.Lines.Lines || srv.Rows() < 5_000 || o.Lines.Pending == 0 {
				t.Errorf("%s: exit %d, %d rows, %+v", ending, exit, srv.Rows(), o)
			}
			var sent strings.Builder
			for _, r := range rowsOf(t, srv) {
				sent.WriteString(r.text(t) + "\n")
			}
			if !strings.HasPrefix(text, sent.String()) {
				t.Errorf("%s: other lines are sent, the last is %q", ending, sent.String()[max(0, sent.Len()-70):])
			}
		})
	}
}

// TestEveryCutIsSeen, but for one between two members or frames: nobody can see that.
func TestEveryCutIsSeen(t *testing.T) {
	t.Parallel()
	first, second := strings.Repeat("the first line\n", 40), strings.Repeat("the second line\n", 40)
	for ending, compressed := range compressions {
		whole, begins := compressed(t, first, second), len(compressed(t, first))
		for n := 4; n <= len(whole); n++ {
			got, err := io.ReadAll(content.NewReader(strings.NewReader(whole[:n]), 0, false))
			if seen := err != nil && strings.HasPrefix(err.Error(), "it is truncated"); seen == (n == begins || n == len(whole)) {
				t.Errorf("%s, %d of %d bytes: %v", ending, n, len(whole), err)
			}
			if !strings.HasPrefix(first+second, string(got)) || n >= begins && !strings.HasPrefix(string(got), first) {
				t.Errorf("%s, %d of %d bytes are %q", ending, n, len(whole), got)
			}
		}
	}
}

// TestADamagedArchive is told with its name, whichever byte of what was compressed it is.
func TestADamagedArchive(t *testing.T) {
	t.Parallel()
	text := manyLines(100)
	for ending, compressed := range compressions {
		whole := compressed(t, text)
		for n := len(whole) / 4; n < len(whole); n += 97 {
			damaged := []byte(whole)
			damaged[n] ^= 0x10
			if _, err := io.ReadAll(content.NewReader(bytes.NewReader(damaged), 0, false)); err == nil {
				t.Errorf("%s with another byte %d: %v", ending, n, err)
			}
		}
		if got, err := io.ReadAll(content.NewReader(strings.NewReader(whole+"and more"), 0, false)); err == nil || string(got) != text {
			t.Errorf("%s with something behind it: %d bytes, %v", ending, len(got), err)
		}
		synctest.Test(t, func(t *testing.T) {
			path := written(t, "app.log."+ending, whole[:len(whole)-1]+string(whole[len(whole)-1]^1))
			exit, o := replayed(t, t.Context(), ingottest.Network(t, &ingottest.Server{}), "", path)
			if exit != exitBad || !strings.Contains(o.Problems["read"], path+": its ") || !strings.Contains(o.Problems["read"], "data are damaged, and lines that were already sent may be too") {
				t.Errorf("%s: exit %d, %+v", ending, exit, o)
			}
		})
	}
}

// TestAWindowIsBounded: how much a frame may want to be kept is its sender's choice, up to here.
func TestAWindowIsBounded(t *testing.T) {
	t.Parallel()
	const aLine = "\x11\x00\x00a\n" // the last block, of two bytes as they are
	for name, c := range map[string]struct{ frame, want string }{
		"128 MiB":                  {"\x28\xb5\x2f\xfd\x00\x88" + aLine, ""},
		"144 MiB":                  {"\x28\xb5\x2f\xfd\x00\x89" + aLine, "its zstandard data need a window of more than 128 MiB, or are damaged"},
		"2 GiB":                    {"\x28\xb5\x2f\xfd\x00\xa8" + aLine, "its zstandard data need a window of more than 128 MiB, or are damaged"},
		"a content of 4 GiB in it": {"\x28\xb5\x2f\xfd\xa0\xff\xff\xff\xff" + aLine, "its zstandard data need a window of more than 128 MiB, or are damaged"},
		"a block larger than it":   {"\x28\xb5\x2f\xfd\x00\x00\x01\x40\x00" + strings.Repeat("a", 2048), "its zstandard data need a window of more than 128 MiB, or are damaged"},
	} {
		got, err := io.ReadAll(content.NewReader(strings.NewReader(c.frame), 0, false))
		if said := fmt.Sprint(err); c.want == "" && (err != nil || string(got) != "a\n") || c.want != "" && !strings.HasPrefix(said, c.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestWhatIsNotCompressed is read as it is, though it begins like it; and what a pipe has said is not kept back for more.
func TestWhatIsNotCompressed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n", "(\n", "P*M", "\x1f", "\x1f\x8b", "\x1f\x8b\x07x", "\x28\xb5\x2f", "\x28\xb5\x2f\xfcx"} {
		if err := iotest.TestReader(content.NewReader(strings.NewReader(text), 0, false), []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if !strings.HasSuffix(text, "\n") {
			continue
		}
		synctest.Test(t, func(t *testing.T) { // it sees who waits for more
			got := make([]byte, 10)
			reader, writer := io.Pipe()
			go func() { _, _ = io.WriteString(writer, text) }() // ends when it is read
			if n, err := content.NewReader(reader, 0, false).Read(got); err != nil || string(got[:n]) != text {
				t.Errorf("%q from a silent pipe: %q, %v", text, got[:n], err)
			}
		})
	}
}

// TestCompressedInOddReads, as of a pipe, and as pzstd makes it.
func TestCompressedInOddReads(t *testing.T) {
	t.Parallel()
	text := manyLines(5_000)
	for ending, whole := range map[string]string{
		"gz": gzipOf(t, text[:1000], "", text[1000:]), "zst": zstdOf(t, text[:1000], "", text[1000:]),
		"pzstd": "\x50\x2a\x4d\x18\x04\x00\x00\x00size" + zstdOf(t, text),
	} {
		for name, src := range map[string]io.Reader{
			"bytewise": iotest.OneByteReader(strings.NewReader(whole)), "with EOF": iotest.DataErrReader(strings.NewReader(whole)),
			"a pipe": newPipe(t.Context(), strings.NewReader(whole)),
		} {
			got, err := io.ReadAll(content.NewReader(src, 0, false))
			if err != nil || string(got) != text {
				t.Errorf("%s, %s: %d bytes, %v", ending, name, len(got), err)
			}
		}
	}
}

// TestFollowRefusesACompressedFile before anything is sent, and a pipe when it says so.
func TestFollowRefusesACompressedFile(t *testing.T) {
	t.Parallel()
	for ending, compressed := range compressions {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			growing, path := written(t, "growing.log", "a line\n"), written(t, "app.log", compressed(t, "a line\n"))
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // or a follow that is not refused goes on
			defer cancel()
			exit, _, stderr := command(ctx, ingottest.Network(t, srv), "replay", "--url=http://ingot", "--follow", growing, path)
			if exit != exitBad || srv.Requests() != 0 || !strings.Contains(stderr, path+": it is compressed (") {
				t.Errorf("%s: exit %d, %s", ending, exit, stderr)
			}
			exit, o := replayed(t, ctx, ingottest.Network(t, srv), compressed(t, "a line\n"), "-", "--follow")
			if exit != exitBad || srv.Rows() != 0 || !strings.Contains(o.Problems["read"], "read stdin: it is compressed (") {
				t.Errorf("%s, stdin: exit %d, %+v", ending, exit, o)
			}
		})
	}
}

// TestACompressedFileThatIsTruncated while it is read: that is told, and not that it was cut.
func TestACompressedFileThatIsTruncated(t *testing.T) {
	t.Parallel()
	text := manyLines(15_000)
	for ending, compressed := range compressions {
		synctest.Test(t, func(t *testing.T) {
			path := written(t, "app.log."+ending, compressed(t, text))
			var once sync.Once
			srv := &ingottest.Server{Keep: func(e ingottest.Event) []ingottest.Event {
				once.Do(func() {
					if err := os.Truncate(path, 0); err != nil {
						t.Error(err)
					}
				})
				return []ingottest.Event{e}
			}}
			exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), "", "--batch=1", "--concurrency=1", path)
			if exit != exitBad || !strings.Contains(o.Problems["read"], path+": it was truncated after ") || o.Lines.Lines != srv.Rows() || o.Lines.Pending == 0 {
				t.Errorf("%s: exit %d, %d rows, %+v", ending, exit, srv.Rows(), o)
			}
		})
	}
}

// TestMoreCompressedFilesThanCanBeOpen are opened in their turn, and another file under a name is not taken for the one that was there.
func TestMoreCompressedFilesThanCanBeOpen(t *testing.T) {
	t.Parallel()
	paths := manyFiles(t, 100)
	for n, path := range paths {
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, []byte(gzipOf(t, string(text))), 0o600)
		}
		if err != nil {
			t.Fatal(n, err)
		}
	}
	replaced := paths[99]
	srv := &ingottest.Server{}
	srv.Keep = func(e ingottest.Event) []ingottest.Event {
		if e.Topic == "000" {
			if err := errors.Join(os.Rename(replaced, replaced+".1"), os.WriteFile(replaced, []byte(gzipOf(t, "another line\n")), 0o600)); err != nil {
				t.Error(err)
			}
		}
		return []ingottest.Event{e}
	}
	p, stderr := confined(t, srv, append([]string{"replay", "--batch=1", "--concurrency=1"}, paths...)...)
	out, err := p.Output()
	if exit := exitOf(t, err); exit != exitBad || srv.Rows() != 99 || !strings.Contains(string(out), replaced+": another file has taken its name since the start") ||
		strings.Contains(string(out), "base64") {
		t.Errorf("exit %d, %d rows\n%s%s", exit, srv.Rows(), out, stderr)
	}
}

// TestAnInterruptEndsACompressedPipe that is silent in the middle of what it has to say.
func TestAnInterruptEndsACompressedPipe(t *testing.T) {
	t.Parallel()
	for ending, compressed := range compressions {
		whole := compressed(t, manyLines(1_000))
		path, writer := silentPipe(t, whole[:len(whole)/2])
		ctx, interrupt := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, interrupt)
		srv, ended := &ingottest.Server{}, make(chan int)
		network := ingottest.Network(t, srv)
		go func() { // ends with the interrupt, and is awaited below
			exit, _, _ := command(ctx, network, "replay", "--url=http://ingot", path)
			ended <- exit
		}()
		select {
		case exit := <-ended:
			if exit != exitInterrupted {
				t.Errorf("%s: exit %d", ending, exit)
			}
		case <-time.After(time.Minute):
			t.Errorf("%s: it waits for the pipe", ending)
			_ = writer.Close()
			<-ended
		}
	}
}

// TestProgressOfACompressedFile is told in bytes of the file, which is all that is known beforehand.
func TestProgressOfACompressedFile(t *testing.T) {
	t.Parallel()
	for ending, compressed := range compressions {
		synctest.Test(t, func(t *testing.T) {
			whole := compressed(t, strings.Repeat("the same line\n", 10_000), manyLines(10_000))
			in := &intake{files: []*file{{held: content.NewReader(strings.NewReader(whole), 1000, false), size: int64(len(whole)), format: "lines", window: 1000}}, items: make(chan item), ctx: t.Context()}
			in.files[0].origin.Limit, in.files[0].origin.Timestamp = 1000, time.Now()
			readers := in.start(false)
			bytes, at := 0, []int{}
			for it := range in.items {
				bytes += it.Size
				if n := it.Line; n%5_000 == 0 {
					at = append(at, 100*bytes/len(whole))
				}
			}
			readers.Wait()
			if in.total() != int64(len(whole)) || at[1] > 40 || at[2] < 50 || at[2] > 90 || at[3] != 100 {
				t.Errorf("%s: %d bytes of %d, percents %v", ending, bytes, len(whole), at)
			}
		})
	}
}
