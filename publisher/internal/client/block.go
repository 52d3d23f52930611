package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
)

// ready tells whether a whole block has come already.
func (s *stream) ready() bool {
	come, _ := s.lines.Peek(s.lines.Buffered()) // no error: so many bytes have come
	return bytes.Contains(come, []byte("\n\n"))
}

// block is what stands between two empty lines.
type block struct {
	id, kind, comment string
	data              []byte // nil: there was none
}

// block reads the next block. Of one that is broken off only the comment is returned, with the error. The watchdog
// may fire just when a line has come: that costs no more than a new stream.
func (s *stream) block() (b block, err error) {
	defer s.watchdog.Stop()
	for size := 0; ; {
		s.watchdog.Reset(s.silence)
		line, err := s.line()
		if size += len(line); err == nil && size > maxAnswer {
			err = fmt.Errorf("a block has more than %d bytes", maxAnswer)
		}
		if err != nil {
			return block{comment: b.comment}, err
		}
		if len(line) == 0 {
			return b, nil
		}
		b.field(line)
	}
}

// line reads the next line; it is good until another one is read. A long line may come slowly, as long as more of it
// comes.
func (s *stream) line() ([]byte, error) {
	part, err := s.lines.ReadSlice('\n')
	if err == nil {
		return trimmed(part), nil
	}
	var long []byte
	for errors.Is(err, bufio.ErrBufferFull) {
		if long = append(long, part...); len(long) > maxAnswer {
			return nil, fmt.Errorf("a line has more than %d bytes", maxAnswer)
		}
		s.watchdog.Reset(s.silence)
		part, err = s.lines.ReadSlice('\n')
	}
	return trimmed(append(long, part...)), err
}

func trimmed(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

// field adds a line to the block. Data in several lines is joined by line feeds.
func (b *block) field(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "":
		b.comment = string(value)
	case "id":
		b.id = string(value)
	case "event":
		b.kind = string(value)
	case "data":
		if b.data == nil {
			b.data = append(make([]byte, 0, len(value)), value...)
			return
		}
		b.data = append(append(b.data, '\n'), value...)
	}
}
