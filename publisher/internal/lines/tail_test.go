package lines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// tailed follows a file in a bubble; told waits until everything was looked at.
type tailed struct {
	*testing.T
	path string
	src  *Tail
	stop context.CancelFunc
	done chan struct{}

	mu   sync.Mutex // guards said
	said []string
}

func tail(t *testing.T, begins string, room int) *tailed {
	t.Helper()
	f := &tailed{T: t, path: filepath.Join(t.TempDir(), "app.log"), done: make(chan struct{})}
	f.write(begins)
	ctx, stop := context.WithCancel(t.Context())
	f.stop = stop
	src, err := Follow(ctx, f.path, NewRoom(room))
	if err != nil {
		t.Fatal(err)
	}
	f.src = src
	go func() { // stops with ctx, awaited in end
		defer close(f.done)
		defer src.Close()
		for r := NewReader(src, 1000); ; {
			l, err := r.Next()
			if errors.As(err, new(*CutError)) {
				l.Text = []byte(err.Error())
			} else if err != nil {
				return
			}
			f.mu.Lock()
			f.said = append(f.said, string(l.Text))
			f.mu.Unlock()
		}
	}()
	return f
}

func (f *tailed) write(text string) {
	f.Helper()
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err == nil {
		_, err = file.WriteString(text)
	}
	if err != nil {
		f.Fatal(err)
	}
	_ = file.Close()
}

func (f *tailed) do(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// told is what was said until now, with time to notice it.
func (f *tailed) told(want string) {
	f.Helper()
	time.Sleep(2 * settle)
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if got := strings.Join(f.said, "|"); got != want {
		f.Errorf("%q, want %q", got, want)
	}
}

func (f *tailed) end() { f.stop(); <-f.done }

func TestFollow(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("the same line\n", 40) // longer than what is remembered
	for name, test := range map[string]func(*tailed){
		"appended": func(f *tailed) {
			f.told("a")
			f.write("b\nhal")
			f.told("a|b")
			f.write("f\n")
			f.told("a|b|half")
		},
		"truncated": func(f *tailed) {
			f.write("pending")
			f.told("a")
			f.do(os.Truncate(f.path, 0))
			f.told("a|pending")
			f.write("b\n")
			f.told("a|pending|b")
		},
		"truncated and longer than before": func(f *tailed) {
			f.told("a")
			f.do(os.Truncate(f.path, 0))
			f.write("b\nc\n")
			f.told("a|b|c")
		},
		"truncated, longer, and beginning alike": func(f *tailed) {
			f.write(long)
			f.told("a" + strings.Repeat("|the same line", 40))
			f.do(os.Truncate(f.path, 0))
			f.write("a\n" + long[:len(long)-14] + "another line at the end\n")
			f.told("a" + strings.Repeat("|the same line", 40) + "|a" + strings.Repeat("|the same line", 39) + "|another line at the end")
		},
		"renamed and made anew": func(f *tailed) {
			f.told("a")
			f.do(os.Rename(f.path, f.path+".1"))
			f.told("a")
			f.write("b\n")
			f.told("a|b")
		},
		"renamed while its writer goes on": func(f *tailed) {
			f.told("a") // and is silent for a while
			f.do(os.Rename(f.path, f.path+".1"))
			f.write("new\n")
			now := f.path
			f.path += ".1"
			time.Sleep(settle / 2)
			f.write("old\n")
			time.Sleep(settle * 3 / 4)
			f.write("older\nunended")
			f.told("a|old|older|unended|new")
			f.path = now
			f.write("newer\n")
			f.told("a|old|older|unended|new|newer")
		},
		"made anew long before its writer goes there": func(f *tailed) {
			now := f.path
			f.do(os.Rename(now, now+".1"))
			f.write("")
			f.told("a")
			f.path = now + ".1"
			f.write("late\n")
			f.told("a|late")
			f.path = now
			f.write("b\n")
			f.told("a|late|b")
		},
		"made anew twice before its writer goes there": func(f *tailed) {
			now := f.path
			f.do(os.Rename(now, now+".1"))
			f.write("")
			f.told("a")
			f.do(errors.Join(os.Rename(now+".1", now+".2"), os.Rename(now, now+".1")))
			f.write("")
			f.told("a")
			f.path = now + ".2"
			f.write("late\n")
			f.told("a|late")
			f.path = now
			f.write("b\n")
			time.Sleep(2 * settle) // the empty one in between has its turn
			f.told("a|late|b")
		},
		"made anew, and not readable at once": func(f *tailed) {
			f.do(os.Rename(f.path, f.path+".1"))
			f.do(os.Mkdir(f.path, 0o755))
			f.told("a")
			f.do(os.Remove(f.path))
			f.write("b\n")
			f.told("a|b")
		},
		"copied and truncated": func(f *tailed) {
			text, err := os.ReadFile(f.path)
			f.do(err)
			f.do(os.WriteFile(f.path+".1", text, 0o644))
			f.told("a")
			f.do(os.Truncate(f.path, 0))
			f.write("b\n")
			f.told("a|b")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, room := range []int{0, 2} {
				synctest.Test(t, func(t *testing.T) {
					f := tail(t, "a\n", room)
					defer f.end()
					test(f)
				})
			}
		})
	}
}

// TestFollowEndsAtWhatIsNoFile, where that stays so.
func TestFollowEndsAtWhatIsNoFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := tail(t, "a\n", 1)
		f.do(os.Rename(f.path, f.path+".1"))
		f.do(syscall.Mkfifo(f.path, 0o644))
		begun := time.Now()
		<-f.done
		if waited := time.Since(begun); waited < closedFor || waited > closedFor+2*settle {
			t.Errorf("ended after %v", waited)
		}
		f.end()
	})
}

// TestEmptyFilesDoNotPileUp: a log that is silent for months is rotated all the same, and the line that comes in the end is read,
// also if it goes to a file that was just renamed.
func TestEmptyFilesDoNotPileUp(t *testing.T) {
	t.Parallel()
	for _, room := range []int{1000, 1} {
		synctest.Test(t, func(t *testing.T) {
			f := tail(t, "a\n", room)
			defer f.end()
			now := f.path
			for n := range 3 * mostEmpty {
				f.do(os.Rename(now, fmt.Sprint(now, n)))
				f.write("")
				f.told("a")
			}
			f.src.mu.Lock()
			if open := len(f.src.files); open > mostEmpty+1 {
				t.Errorf("%d files are open", open)
			}
			f.src.mu.Unlock()
			f.path = now + ".renamed"
			f.do(os.Rename(now, f.path))
			f.do(os.WriteFile(now, nil, 0o644))
			f.told("a")
			f.write("late\n")
			time.Sleep(mostEmpty * 2 * settle) // each file before it has its turn
			f.told("a|late")
		})
	}
}

func TestFollowWantsTheFile(t *testing.T) {
	t.Parallel()
	if _, err := Follow(t.Context(), filepath.Join(t.TempDir(), "nothing"), NewRoom(0)); err == nil {
		t.Error("follows a file that is not there")
	}
}

// TestTheMarkIsBounded: a file is recognized by the last bytes that were read of it, not by all of them.
func TestTheMarkIsBounded(t *testing.T) {
	t.Parallel()
	var tail generation
	var all []byte
	for n := range 3 * markBytes {
		p := bytes.Repeat([]byte{byte(n)}, n%7)
		tail.took(p)
		all = append(all, p...)
	}
	if !bytes.Equal(tail.mark, all[len(all)-markBytes:]) || tail.offset != int64(len(all)) {
		t.Errorf("%d bytes at %d", len(tail.mark), tail.offset)
	}
}

// TestTruncatedBeforeItWasRead: what is lost is told, as far as it was seen, and the line that was cut is thrown away. A reader that is held
// up, as by a server that is away, is slower than who writes.
func TestTruncatedBeforeItWasRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "app.log")
		src, err := os.Create(path)
		_, wrote := src.WriteString("one\ntwo\n" + strings.Repeat("x", 20) + "\nand more\n")
		tail, opened := Follow(t.Context(), path, NewRoom(0))
		if err := errors.Join(err, wrote, src.Close(), opened); err != nil {
			t.Fatal(err)
		}
		defer tail.Close()
		r := NewReader(tail, 9) // what is read at once is two lines and a piece of the third
		want := func(text string, unread int64) {
			t.Helper()
			l, err := r.Next()
			var cut *CutError
			if errors.As(err, &cut); string(l.Text) != text || unread == 0 && err != nil || unread > 0 && (cut == nil || cut.Unread != unread) {
				t.Errorf("%q (%v), want %q or %d lost bytes", l.Text, err, text, unread)
			}
		}
		want("one", 0)
		want("two", 0)
		want("xxxxxxxxxx", 0)
		if err := os.WriteFile(path, []byte("new\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		want("", 20)
		want("new", 0)
	})
}
