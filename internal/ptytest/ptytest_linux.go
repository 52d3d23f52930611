// Package ptytest gives tests a pseudo terminal, to see what programs do on one and nowhere else.
package ptytest

import (
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Open opens a pseudo terminal of so many columns. What is written to far is typed on it, and what a program draws on it is
// read from far. Both are closed when the test ends; reading from far ends, with EIO, once nobody has the terminal open.
func Open(t testing.TB, columns uint16) (far, terminal *os.File) {
	t.Helper()
	far, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo terminals here: ", err)
	}
	t.Cleanup(func() { _ = far.Close() })
	number, err := unix.IoctlGetInt(int(far.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(far.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(far.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns})
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return far, terminal
}

// Drawn draws on a pseudo terminal of so many columns, and returns what was drawn.
func Drawn(t testing.TB, columns uint16, draw func(terminal *os.File)) string {
	t.Helper()
	far, terminal := Open(t, columns)
	text := make(chan string, 1)
	go func() { // ends when the terminal is closed, awaited below
		b, _ := io.ReadAll(far)
		text <- string(b)
	}()
	draw(terminal)
	_ = terminal.Close()
	return <-text
}
