package content

import (
	"bufio"
	"fmt"
	"strings"
)

// format is how a file is compressed, packed, or encoded; the zero format is that of bytes as they are.
type format struct {
	name   string
	unpack string // the command that makes lines of FILE; "" where the publisher does
}

const (
	gzipFormat = "gzip"
	zstdFormat = "zstandard"
)

// magics are what such files begin with, whatever their names are. A ? is any byte.
var magics = []struct {
	bytes string
	format
}{
	{"\x1f\x8b\x08", format{name: gzipFormat}},
	{"\x28\xb5\x2f\xfd", format{name: zstdFormat}},
	{"\x50\x2a\x4d\x18", format{name: zstdFormat}}, // a frame to be skipped: pzstd begins with one
	{"\xfd7zXZ\x00", format{"xz", "xz -dc FILE"}},
	{"BZh?1AY&SY", format{"bzip2", "bzip2 -dc FILE"}},
	{"BZh?\x17\x72\x45\x38\x50\x90", format{"bzip2", "bzip2 -dc FILE"}}, // of nothing
	{"\x04\x22\x4d\x18", format{"lz4", "lz4 -dc FILE"}},
	{"PK\x03\x04", format{"zip", "unzip -p FILE"}},
	{"\xff\xfe\x00\x00", format{"UTF-32", "iconv -f UTF-32 -t UTF-8 FILE"}},
	{"\x00\x00\xfe\xff", format{"UTF-32", "iconv -f UTF-32 -t UTF-8 FILE"}},
	{"\xff\xfe", utf16Format},
	{"\xfe\xff", utf16Format},
}

// utf16Format is what Windows calls Unicode, and PowerShell writes. Read as lines it would be cut in the middle of characters.
// Only a file that begins with the byte order mark is recognised.
var utf16Format = format{"UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"}

// tarFormat has its magic, with a version, in the middle of its first header. No text has the NULs there.
var tarFormat = format{"tar", "tar -xOf FILE"}

const (
	tarMagicAt = 257
	tarHead    = tarMagicAt + 8
)

// formatOf tells how a source is encoded. It waits for another byte only while those before it may begin a magic: a pipe may
// have a first line of two bytes, and then be silent.
func formatOf(src *bufio.Reader) format {
	for _, m := range magics {
		if begins(src, m.bytes) {
			return m.format
		}
	}
	if isTar(src) {
		return tarFormat
	}
	return format{}
}

func begins(src *bufio.Reader, magic string) bool {
	for n := range len(magic) {
		if head, err := src.Peek(n + 1); err != nil || head[n] != magic[n] && magic[n] != '?' {
			return false
		}
	}
	return true
}

// inner is the format of what was compressed as outer, if it is one that has to be refused. tar finds out itself how an
// archive is compressed.
func inner(src *bufio.Reader, outer string) format {
	f := formatOf(src)
	switch tool := map[string]string{gzipFormat: "gzip", zstdFormat: "zstd"}[outer]; {
	case f == tarFormat:
		return f
	case strings.HasPrefix(f.name, "UTF-"):
		return format{f.name, tool + " -dc FILE | " + strings.TrimSuffix(f.unpack, " FILE")}
	}
	return format{}
}

// isTar looks at what the first read has brought: of an archive that is its header.
func isTar(src *bufio.Reader) bool {
	_, _ = src.Peek(1) // so that there is a first read; whoever reads on is told its error
	head, err := src.Peek(min(src.Buffered(), tarHead))
	if err != nil || len(head) < tarHead {
		return false
	}
	magic := string(head[tarMagicAt:])
	return magic == "ustar\x0000" || magic == "ustar  \x00" // of POSIX, and of GNU
}

// packed is the error of a file that another program has to unpack or convert first: as it is, its lines are of no use.
type packed struct{ format }

func (p packed) Error() string {
	why := "it is packed (" + p.name + "), but only gzip and zstandard are supported"
	if strings.HasPrefix(p.name, "UTF-") {
		why = "it is text in " + p.name + ", but only UTF-8 is supported"
	}
	return fmt.Sprintf("%s: %s | publisher replay - --topic=TOPIC --run=FILE", why, p.unpack)
}

// refusal tells why a file in this format is not read; nil: it is. What is compressed is not followed, not even a pipe: the
// interrupt that ends --follow would cut the compressed bytes anywhere, and nobody would know which line is the last.
func (f format) refusal(follow bool) error {
	switch {
	case f.unpack != "":
		return packed{f}
	case follow && f.name != "":
		return fmt.Errorf("it is compressed (%s), and --follow reads only uncompressed files: replay it without --follow", f.name)
	}
	return nil
}
