package httpapi

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// zstdMost is the most that a byte of a zstd frame can inflate to: a block of four bytes can hold 128 KiB.
const zstdMost = 128 << 10 / 4

// inflateError says what is wrong with a compressed body, of which the decoder has left the last unread bytes.
func (s *Server) inflateError(err error, sent []byte, unread int) error {
	switch {
	case errors.Is(err, errNoRoom), errors.Is(err, errInflationTimeout):
		return err
	case errors.Is(err, errBodyTooLarge):
		return errInflatedTooLarge
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return s.windowError(sent[:len(sent)-unread], unread)
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return notDecompressed("the zstd frame needs a dictionary, which is not supported; compress without one")
	case errors.Is(err, io.ErrUnexpectedEOF) && unread == 0: // a block may break off, too
		return notDecompressed("the compressed body is truncated")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, zstd.ErrCRCMismatch):
		return notDecompressed("the checksum of the compressed body does not match its content")
	}
	return errDamaged
}

var errDamaged = notDecompressed("the compressed body is corrupt, or other bytes follow it")

// windowError says what is wrong with a zstd frame that exceeds a window. If the decoder has stopped right behind the
// frame's header, the header asks for a window over zstdWindow, or for room for a content of more than that. Anywhere
// else a block exceeds the window of its frame.
func (s *Server) windowError(read []byte, unread int) error {
	header, stopped := lastHeader(read)
	switch {
	case !stopped, header.FrameContentSize/zstdMost > uint64(unread):
		return errDamaged
	case header.FrameContentSize > uint64(s.Limits.Decompressed):
		return errInflatedTooLarge
	}
	return &refusal{problemEncoding, "a zstd window over 8 MiB is not supported; compress with a smaller one"}
}

// lastHeader returns the header of a zstd frame if it ends where read ends; false: none does. FrameContentSize is 0 if
// the frame does not tell it.
func lastHeader(read []byte) (h zstd.Header, found bool) {
	begin := bytes.LastIndex(read, []byte(zstdMagic))
	found = begin >= 0 && h.Decode(read[begin:]) == nil && begin+h.HeaderSize == len(read)
	return h, found
}

func notDecompressed(detail string) error {
	return &refusal{problemNotDecompressed, detail + "; nothing was stored"}
}
