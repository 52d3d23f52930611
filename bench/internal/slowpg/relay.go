package slowpg

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// relay copies messages of the server to the client as they are, and calls hold before each CommandComplete of a COMMIT.
// Before it calls hold it delivers all earlier messages.
func relay(client io.Writer, server io.Reader, hold func()) error {
	in := bufio.NewReaderSize(server, 64<<10)
	out := bufio.NewWriterSize(struct{ io.Writer }{client}, 64<<10) // its ReadFrom would take each message past the buffer
	for {
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		head, err := in.Peek(5)
		if err != nil {
			return err
		}
		length := 1 + int(binary.BigEndian.Uint32(head[1:]))
		if length < 5 {
			return fmt.Errorf("a message of %d bytes", length)
		}
		if isCommit(in, length) {
			if err := out.Flush(); err != nil {
				return err
			}
			hold()
		}
		if _, err := io.CopyN(out, in, int64(length)); err != nil {
			return err
		}
	}
}

// commitComplete is the CommandComplete message of a COMMIT.
const commitComplete = "C\x00\x00\x00\x0bCOMMIT\x00"

func isCommit(in *bufio.Reader, length int) bool {
	if length != len(commitComplete) {
		return false
	}
	message, err := in.Peek(length)
	return err == nil && string(message) == commitComplete
}
