package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ingot/publisher/internal/ingottest"
)

// written makes a file of that name and text, modified at a known time.
func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	return path
}

// replayed runs replay with --json and reads the report.
func replayed(t *testing.T, ctx context.Context, transport http.RoundTripper, stdin string, args ...string) (int, replayOutcome) {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"replay", "--json", "--url=http://ingot"}, args...)
	exit := run(ctx, args, surroundings{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs, transport: transport})
	var o replayOutcome
	if err := json.Unmarshal(out.Bytes(), &o); err != nil {
		t.Fatalf("exit %d, report is no JSON: %v\n%s%s", exit, err, out.String(), errs.String())
	}
	l := o.Lines
	if errs := errs.String(); strings.Contains(errs, "publisher: ") && !slices.Contains(args, "--follow") {
		t.Errorf("the report tells all there is, and stderr: %s", errs)
	}
	if exit != o.ExitCode || l.Lines != l.Blank+l.Refused+l.Whole+l.Split || o.SendsPlanned != l.Whole+l.Pieces {
		t.Errorf("exit %d, the counts do not add up: %+v", exit, o)
	}
	return exit, o
}

// row is a row with its payload taken apart.
type row struct {
	topic, source, timestamp string
	Message                  *string
	Base64                   *string `json:"message_base64"`
	Line                     int64
	Part                     int
}

func rowsOf(t *testing.T, srv *ingottest.Server) (rows []row) {
	t.Helper()
	srv.Each(func(e ingottest.Event) {
		r := row{topic: e.Topic, source: e.Source, timestamp: e.Timestamp.Format(time.RFC3339)}
		if err := json.Unmarshal([]byte(e.Payload), &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	})
	return rows
}

func (r row) text(t *testing.T) string {
	t.Helper()
	if r.Message != nil {
		return *r.Message
	}
	b, err := base64.StdEncoding.DecodeString(*r.Base64)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// gaveUp is why four clients gave up: after four requests in a row, or, where others were refused meanwhile, three more at most.
func gaveUp(o replayOutcome) string {
	var why string
	for n := 4; n <= 7; n++ {
		if after, is := strings.CutPrefix(o.Problems["stopped"], fmt.Sprintf("gave up on %d requests in a row: ", n)); is {
			why = after
		}
	}
	return why
}
