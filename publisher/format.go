package main

import (
	"bufio"
	"fmt"
)

// format is how a file is compressed, or packed; the zero format is that of bytes as they are.
type format struct {
	name   string
	unpack string // the command that makes lines of it; "" where the publisher does
}

const (
	gzipFormat = "gzip"
	zstdFormat = "zstandard"
)

// magics are what compressed and packed files begin with, whatever their names are. A ? is any byte.
var magics = []struct {
	bytes string
	format
}{
	{"\x1f\x8b\x08", format{name: gzipFormat}},
	{"\x28\xb5\x2f\xfd", format{name: zstdFormat}},
	{"\x50\x2a\x4d\x18", format{name: zstdFormat}}, // a frame to be skipped: pzstd begins with one
	{"\xfd7zXZ\x00", format{"xz", "xz -dc"}},
	{"BZh?1AY&SY", format{"bzip2", "bzip2 -dc"}},
	{"BZh?\x17\x72\x45\x38\x50\x90", format{"bzip2", "bzip2 -dc"}}, // of nothing
	{"\x04\x22\x4d\x18", format{"lz4", "lz4 -dc"}},
	{"PK\x03\x04", format{"zip", "unzip -p"}},
}

// tarFormat has its magic, with a version, in the middle of its first header. No text has the NULs there.
var tarFormat = format{"tar", "tar -xOf"}

const (
	tarMagicAt = 257
	tarHead    = tarMagicAt + 8
)

// formatOf waits for another byte only while those before it can be the beginning of a magic: a pipe may have a first
// line of two bytes, and be silent after it.
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

// packed is the error of a file that somebody else has to unpack: its bytes would make lines that nobody can use.
type packed struct{ format }

func (p packed) Error() string {
	return fmt.Sprintf("it is packed (%s), and only gzip and zstandard are unpacked here: %s FILE | publisher replay - --topic=TOPIC", p.name, p.unpack)
}

// refusal tells why a file in this format is not read, nil if it is. A compressed one, pipes too, is not followed: an
// interrupt, which is how --follow ends, would cut the compressed bytes anywhere, and no line would be known to be the
// last.
func (f format) refusal(follow bool) error {
	switch {
	case f.unpack != "":
		return packed{f}
	case follow && f.name != "":
		return fmt.Errorf("it is compressed (%s), and nobody appends lines to that: replay it without --follow", f.name)
	}
	return nil
}
