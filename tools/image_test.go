package tools

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// buildLine is the command of the Dockerfile that builds the binaries.
func buildLine(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build -trimpath .*)$`).FindStringSubmatch(string(b))
	if m == nil {
		t.Fatal("the Dockerfile has no line RUN CGO_ENABLED=0 go build -trimpath ..")
	}
	return m[1]
}

// TestTheImagesBinaries builds them by the Dockerfile's own line, and runs them as
// the containers do: the server answers, its healthcheck agrees, and SIGTERM ends
// it in good order. What it cannot show is that the images themselves build.
func TestTheImagesBinaries(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ingot-image-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // the database's user must get in
		t.Fatal(err)
	}
	build := exec.Command("sh", "-c", strings.Replace(buildLine(t), "/out/", dir+"/", 1))
	build.Dir, build.Env = "..", append(os.Environ(), "REVISION=0123abc")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"ingest", "publisher"} {
		program := filepath.Join(dir, name)
		if out, err := exec.Command(program, "--help").CombinedOutput(); err != nil || !bytes.HasPrefix(out, []byte("Usage: "+name)) {
			t.Errorf("%s --help: %v\n%s", name, err, out)
		}
		if out, err := exec.Command(program, "--version").CombinedOutput(); err != nil || !bytes.Contains(out, []byte(" 0123abc ")) {
			t.Errorf("%s --version does not tell the revision: %v\n%s", name, err, out)
		}
		if kind, err := exec.Command("go", "version", "-m", program).Output(); err != nil || !bytes.Contains(kind, []byte("CGO_ENABLED=0")) {
			t.Errorf("%s is not built without cgo: %v\n%s", name, err, kind)
		}
	}
	serve(t, filepath.Join(dir, "ingest"), dir)
}

func serve(t *testing.T, program, dir string) {
	t.Helper()
	address := freeAddress(t)
	env := append(os.Environ(), "INGOT_LISTEN="+address, "INGOT_DATA_DIR="+filepath.Join(dir, "data"))
	if sick := healthcheck(program, env); sick == nil {
		t.Error("a server that is not there is healthy")
	}
	var log bytes.Buffer
	server := exec.Command(program)
	server.Dir, server.Env, server.Stderr = "..", env, &log // there a fetched Postgres is found
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }() // ends with the server, awaited below
	healthy := false
	for range 300 {
		if healthy = healthcheck(program, env) == nil; healthy {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = server.Process.Signal(syscall.SIGTERM) // it may have ended
	if err := <-ended; err != nil || !healthy {
		t.Errorf("healthy: %t, ended with %v\n%s", healthy, err, log.String())
	}
}

func healthcheck(program string, env []string) error {
	c := exec.Command(program, "healthcheck")
	c.Env = env
	return c.Run()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestWhatIsMadeHereIsNotSent to the build: data of this machine above all, which may be large, and unreadable to who builds.
func TestWhatIsMadeHereIsNotSent(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	left := strings.Fields(read("../.dockerignore"))
	for _, path := range strings.Fields(read("../.gitignore")) {
		if made, anchored := strings.CutPrefix(path, "/"); anchored && !slices.Contains(left, strings.TrimSuffix(made, "/")) {
			t.Errorf(".dockerignore does not name %s", path)
		}
	}
}
