package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ingot/publisher/internal/ingottest"
)

func tarOf(t *testing.T, format tar.Format) string {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := w.WriteHeader(&tar.Header{Name: "app.log", Mode: 0o600, Size: 7, Format: format})
	_, wrote := w.Write([]byte("a line\n"))
	if err := errors.Join(err, wrote, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func zipOf(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	member, err := w.Create("app.log")
	if err != nil {
		t.Fatal(err)
	}
	_, err = member.Write([]byte("a line\n"))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestWhatIsPackedOtherwise, or is text in another encoding, is named, with what makes lines of it; no line is made of its bytes, and files beside it are
// sent. The xz, bzip2 and lz4 are of "a line\n", by their commands.
func TestWhatIsPackedOtherwise(t *testing.T) {
	t.Parallel()
	const utf16 = "\xff\xfea\x00 \x00l\x00i\x00n\x00e\x00\n\x00"
	for name, c := range map[string]struct{ text, says string }{
		"xz":           {"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F\x02\x00!\x01\x16\x00\x00\x00t/\xe5\xa3\x01\x00\x06a line\x0a\x00\x00\x0d\x13\xb8+e>\x08R\x00\x01\x1f\x07\x16.\xb8s\x1f\xb6\xf3}\x01\x00\x00\x00\x00\x04YZ", "it is packed (xz), but only gzip and zstandard are supported: xz -dc FILE | publisher replay - "},
		"bzip2":        {"BZh91AY&SY\xe1\xf7\xdc\x19\x00\x00\x01Q\x00\x00\x10@\x00\x22% \x00\x22\x0c\x9bB\x18\x06\xd0B\x8b\xb9\x22\x9c(Hp\xfb\xee\x0c\x80", "bzip2 -dc FILE | "},
		"empty bzip2":  {"BZh9\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00", "bzip2 -dc FILE | "},
		"lz4":          {"\x04\x22M\x18d@\xa7\x07\x00\x00\x80a line\x0a\x00\x00\x00\x00\xd3\x98\xcd\xa4", "lz4 -dc FILE | "},
		"zip":          {zipOf(t), "unzip -p FILE | "},
		"tar":          {tarOf(t, tar.FormatUSTAR), "tar -xOf FILE | "},
		"GNU tar":      {tarOf(t, tar.FormatGNU), "tar -xOf FILE | "},
		"tar.gz":       {gzipOf(t, tarOf(t, tar.FormatPAX)), "tar -xOf FILE | "},
		"tar.zst":      {zstdOf(t, tarOf(t, tar.FormatGNU)), "tar -xOf FILE | "},
		"UTF-16LE":     {utf16, "it is text in UTF-16, but only UTF-8 is supported: iconv -f UTF-16 -t UTF-8 FILE | publisher replay - "},
		"UTF-16BE":     {"\xfe\xff\x00a\x00\n", "iconv -f UTF-16 -t UTF-8 FILE | "},
		"UTF-32LE":     {"\xff\xfe\x00\x00a\x00\x00\x00\n\x00\x00\x00", "it is text in UTF-32, but only UTF-8 is supported: iconv -f UTF-32 -t UTF-8 FILE | "},
		"UTF-32BE":     {"\x00\x00\xfe\xff\x00\x00\x00a\x00\x00\x00\n", "iconv -f UTF-32 -t UTF-8 FILE | "},
		"UTF-16.gz":    {gzipOf(t, utf16), "gzip -dc FILE | iconv -f UTF-16 -t UTF-8 | publisher replay - "},
		"UTF-16.zst":   {zstdOf(t, utf16), "zstd -dc FILE | iconv -f UTF-16 -t UTF-8 | publisher replay - "},
		"tar.gz twice": {gzipOf(t, tarOf(t, tar.FormatGNU), tarOf(t, tar.FormatGNU)), "tar -xOf FILE | "},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			network, beside, path := ingottest.Network(t, srv), written(t, "beside.log", "a line\n"), written(t, "app.log", c.text)
			exit, o := replayed(t, t.Context(), network, "", path, beside)
			if problem := o.Problems["read"]; exit != exitBad || srv.Rows() != 1 || o.Lines.Lines != 1 || !strings.HasPrefix(problem, "read "+path+": it is ") || !strings.Contains(problem, c.says) {
				t.Errorf("%s: exit %d, %d rows, %+v", name, exit, srv.Rows(), o)
			}
			for _, form := range []string{"auto", "lines", "events"} {
				exit, o = replayed(t, t.Context(), network, c.text, "-", "--format="+form)
				if problem := o.Problems["read"]; exit != exitBad || srv.Rows() != 1 || !strings.HasPrefix(problem, "read stdin: it is ") || !strings.Contains(problem, c.says) {
					t.Errorf("%s, stdin as %s: exit %d, %d rows, %+v", name, form, exit, srv.Rows(), o)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // or a follow that is not refused goes on
			defer cancel()
			exit, _, stderr := command(ctx, network, "replay", "--url=http://ingot", "--follow", path)
			if exit != exitBad || srv.Rows() != 1 || !strings.Contains(stderr, path+": it is ") {
				t.Errorf("%s, --follow: exit %d, %d rows, %s", name, exit, srv.Rows(), stderr)
			}
		})
	}
}

// TestWhatIsNotPacked goes line by line, though it begins like it.
func TestWhatIsNotPacked(t *testing.T) {
	t.Parallel()
	const tarMagicAt = 257
	for _, text := range []string{
		"BZh9 is a level\n", "BZh", "BZh91AY&S", "PK\n", "PK\x03", "\xfd7zXZ", "\x04\x22\x4d",
		strings.Repeat("x", tarMagicAt) + "ustar\n", strings.Repeat("x", tarMagicAt) + "ustar\x00\n", "ustar\x0000",
		"\xff", "\xff\n", "\xfe\xfe\n", "\x00\x00\xfe\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := &ingottest.Server{}
			if exit, o := replayed(t, t.Context(), ingottest.Network(t, srv), text, "-"); exit != exitOK || srv.Rows() != 1 {
				t.Errorf("%q: exit %d, %d rows, %+v", text, exit, srv.Rows(), o)
			}
		})
	}
}
