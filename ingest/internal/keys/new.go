package keys

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// keyPrefix begins every key, so that programs that scan for leaked secrets can recognize one.
const keyPrefix = "ingot_"

// Check tells what is wrong with the name of a key, with its rights, with its rate in events a second (0: as many as
// come), or with its topics, each as event.ParseScope reads one (none: all).
func Check(name string, rights []string, perSecond int, topics ...string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if len(rights) == 0 {
		return fmt.Errorf("a key needs one or more of the rights %s", strings.Join(Rights(), ", "))
	}
	if err := checkRights(rights); err != nil {
		return err
	}
	if perSecond != 0 {
		if err := checkRate(perSecond, rights); err != nil {
			return err
		}
	}
	if len(topics) == 0 {
		return nil
	}
	_, err := parseTopics(strings.Join(topics, ","), rights)
	return err
}

// Add makes a key, adds its line to the file and returns the key, which is kept nowhere else. It makes the file if
// there is none. It fails, and changes nothing, when Check finds a fault, or when the file with the new line would
// have one.
func Add(path, name string, rights []string, perSecond int, topics ...string) (key string, err error) {
	if err := Check(name, rights, perSecond, topics...); err != nil {
		return "", err
	}
	text, err := (&File{path: path}).read()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	key = newKey()
	line := fmt.Sprintf("%s %s %s%s", name, strings.Join(rights, ","), hashPrefix, hashOf(key))
	if perSecond > 0 {
		line += fmt.Sprintf(" %s%d%s", ratePrefix, perSecond, rateSuffix)
	}
	if len(topics) > 0 {
		scope, _ := parseTopics(strings.Join(topics, ","), rights) // Check has found no fault in them
		line += " " + topicsPrefix + scope.String()
	}
	line += "\n"
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		line = "\n" + line
	}
	if _, err := parse(append(text, line...)); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return key, appendTo(path, line)
}

func newKey() string {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // it never fails
	return keyPrefix + base64.RawURLEncoding.EncodeToString(bits[:])
}

func hashOf(key string) string {
	h := sha256.Sum256([]byte(key))
	return hex.EncodeToString(h[:])
}

// appendTo writes the line in one write, so that a process that reads the file meanwhile sees all of the line or
// nothing of it. A new file is readable by everybody: it holds no key, and a server that runs as another user has to
// read it.
//
// If the disk has taken only a part of the line, that part is removed again, unless another line was added behind it.
func appendTo(path, line string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	before, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	n, err := file.WriteString(line)
	if now, unknown := file.Seek(0, io.SeekEnd); err != nil && unknown == nil && now == before+int64(n) {
		err = errors.Join(err, file.Truncate(before))
	}
	return errors.Join(err, file.Close())
}
