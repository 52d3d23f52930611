package lines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// unread follows a file that nobody reads before read is called, as while a server is away.
type unread struct {
	*testing.T
	path string
	tail *Tail
}

// meanwhile runs do while a file that begins so is followed and not read, and returns what is read afterwards.
func meanwhile(t *testing.T, begins string, room int, do func(unread)) (said []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		u := unread{T: t, path: filepath.Join(t.TempDir(), "app.log")}
		u.write(begins)
		var err error
		if u.tail, err = Follow(ctx, u.path, NewRoom(room)); err != nil {
			t.Fatal(err)
		}
		watched := make(chan struct{})
		go func() { // stops with ctx, awaited below
			defer close(watched)
			u.tail.Watch()
		}()
		do(u)
		time.AfterFunc(20*settle, stop) // each file that has waited is silent for so long
		for r := NewReader(u.tail, 1000); ; {
			l, err := r.Next()
			switch {
			case errors.As(err, new(*CutError)), errors.As(err, new(*MissedError)):
				said = append(said, err.Error())
				continue
			case err == nil:
				said = append(said, string(l.Text))
				continue
			case !errors.Is(err, context.Canceled):
				t.Error(err)
			}
			break
		}
		stop()
		<-watched
		if err := u.tail.Close(); err != nil {
			t.Error(err)
		}
		if _, err := u.tail.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("a Tail that is closed was read: %v", err)
		}
	})
	return said
}

// write writes the file anew, with time for a look. No two moments of writing are those of a look, which could see the file
// without its old bytes and not yet with its new ones.
func (u unread) write(text string) {
	u.Helper()
	if err := os.WriteFile(u.path, []byte(text), 0o644); err != nil {
		u.Fatal(err)
	}
	time.Sleep(2*poll + time.Millisecond)
}

// add appends to the file, with time for a look.
func (u unread) add(text string) {
	u.Helper()
	file, err := os.OpenFile(u.path, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = file.WriteString(text)
		_ = file.Close()
	}
	if err != nil {
		u.Fatal(err)
	}
	time.Sleep(2 * poll)
}

func (u unread) move(to string) {
	u.Helper()
	if err := os.Rename(u.path, u.path+to); err != nil {
		u.Fatal(err)
	}
}

// TestFilesThatComeAndGoUnread are read in the order of their coming, also those that have lost the name, or are gone.
func TestFilesThatComeAndGoUnread(t *testing.T) {
	t.Parallel()
	said := meanwhile(t, "a\nunended", 3, func(u unread) {
		u.move(".1")
		u.write("b\n")
		u.move(".2")
		u.write("c\nhalf")
		if err := os.Remove(u.path); err != nil {
			u.Fatal(err)
		}
		time.Sleep(time.Minute)
		u.write("d\n")
	})
	if got := strings.Join(said, "|"); got != "a|unended|b|c|half|d" {
		t.Errorf("%q", got)
	}
}

// TestAFileThatComesRightAfterARead is kept as well: who reads may have nobody to send to from then on.
func TestAFileThatComesRightAfterARead(t *testing.T) {
	t.Parallel()
	said := meanwhile(t, "a\n", 2, func(u unread) {
		if l, err := NewReader(u.tail, 1000).Next(); err != nil || string(l.Text) != "a" {
			t.Errorf("%q, %v", l.Text, err)
		}
		for _, text := range []string{"b\n", "c\n"} {
			u.move("." + text[:1])
			u.write(text)
		}
	})
	if got := strings.Join(said, "|"); got != "b|c" {
		t.Errorf("%q", got)
	}
}

// TestTruncatedUnread: what had come before was seen, and that it is lost is told, also of a file that waits.
func TestTruncatedUnread(t *testing.T) {
	t.Parallel()
	said := meanwhile(t, "0123456789\n", 1, func(u unread) {
		u.write("a\n")
		u.move(".1")
		u.write("0123456789 0123456789\n")
		u.write("b\n")
	})
	lost := func(n int64) string { return (&CutError{n}).Error() }
	if got, want := strings.Join(said, "|"), strings.Join([]string{lost(9), "a", lost(20), "b"}, "|"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestTruncatedUnreadAndLongerThanBefore between two looks: what was seen last is not there any more.
func TestTruncatedUnreadAndLongerThanBefore(t *testing.T) {
	t.Parallel()
	said := meanwhile(t, "old\n", 1, func(u unread) {
		u.write("renewed\n")
		u.move(".1")
		u.write(strings.Repeat("alike\n", markBytes) + "old\n")
		u.write(strings.Repeat("alike\n", markBytes) + "renewed\n")
		u.add("appended\n") // which is no truncation
	})
	lost := func(n int) string { return (&CutError{int64(n)}).Error() }
	want := lost(4) + "|renewed|" + lost(6*markBytes+4) + strings.Repeat("|alike", markBytes) + "|renewed|appended"
	if got := strings.Join(said, "|"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestMoreFilesThanHaveRoom are told, and the last one is read: also without any room, when the one before it is silent.
func TestMoreFilesThanHaveRoom(t *testing.T) {
	t.Parallel()
	for room, want := range []string{"first|last", "first|0|last", "first|0|1|last"} {
		said := meanwhile(t, "first\n", room, func(u unread) {
			for n := range 5 {
				u.move("." + strconv.Itoa(n))
				u.write(fmt.Sprintln(n))
			}
			u.move(".empty")
			u.write("") // one without a line is not missed
			u.move(".last")
			u.write("last\n")
		})
		missed := slices.Index(said, (&MissedError{5 - room}).Error())
		if missed < 0 || strings.Join(slices.Delete(said, missed, missed+1), "|") != want {
			t.Errorf("room for %d: %q, want %s", room, said, want)
		}
	}
}

// TestAnEmptyFileHoldsUpNothing that came before it, whether there is room for it or not.
func TestAnEmptyFileHoldsUpNothing(t *testing.T) {
	t.Parallel()
	for room := 1; room <= 2; room++ {
		said := meanwhile(t, "a\n", room, func(u unread) {
			u.move(".1")
			u.write("b\n")
			u.move(".2")
			u.write("")
		})
		if got := strings.Join(said, "|"); got != "a|b" {
			t.Errorf("room for %d: %q", room, got)
		}
	}
}

// TestRoomIsGivenBack, and shared.
func TestRoomIsGivenBack(t *testing.T) {
	t.Parallel()
	said := meanwhile(t, "0\n", 1, func(u unread) {
		r := NewReader(u.tail, 1000)
		for n := range 3 {
			u.move("." + strconv.Itoa(n))
			u.write(fmt.Sprintln(n + 1))
			if l, err := r.Next(); err != nil || string(l.Text) != strconv.Itoa(n) {
				t.Errorf("%q, %v, want %d", l.Text, err, n)
			}
		}
		if _, err := r.Next(); err != nil || u.tail.room.take() != true {
			t.Errorf("the last file is read, and its room is not free (%v)", err)
		}
	})
	if len(said) > 0 {
		t.Errorf("%q", said)
	}
}
