package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	prefix = "package/native/" // all that is wanted of a package
	links  = "pg-symlinks.json"
)

// unpack writes the package's bin, lib and share below dir.
func unpack(archive, dir string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	zipped, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	for files := tar.NewReader(zipped); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return link(dir)
		}
		if err != nil {
			return err
		}
		name, wanted := strings.CutPrefix(h.Name, prefix)
		if !wanted || h.Typeflag != tar.TypeReg {
			continue
		}
		if err := write(dir, name, h.FileInfo().Mode()&0o111 != 0, files); err != nil {
			return err
		}
	}
}

func write(dir, name string, program bool, content io.Reader) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%q leads outside the package", name)
	}
	path, mode := filepath.Join(dir, name), fs.FileMode(0o644)
	if program {
		mode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

// link makes what npm's archives cannot hold: without libicui18n.so.60, a link to
// libicui18n.so.60.2, the server does not start.
func link(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, links))
	if err != nil {
		return err
	}
	var wanted []struct{ Source, Target string } // both from the package's folder
	if err := json.Unmarshal(text, &wanted); err != nil {
		return fmt.Errorf("read %s: %w", links, err)
	}
	for _, l := range wanted {
		source, target := strings.TrimPrefix(l.Source, "native/"), strings.TrimPrefix(l.Target, "native/")
		if !filepath.IsLocal(source) || !filepath.IsLocal(target) {
			return fmt.Errorf("the link %q to %q leads outside the package", target, source)
		}
		to, err := filepath.Rel(filepath.Dir(target), source)
		if err != nil {
			return err
		}
		if err := os.Symlink(to, filepath.Join(dir, target)); err != nil {
			return err
		}
	}
	return nil
}
