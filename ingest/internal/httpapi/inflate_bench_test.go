package httpapi

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// BenchmarkInflate undoes the compression of 1,000 events.
func BenchmarkInflate(b *testing.B) {
	var plain, zipped bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&plain, `{"topic":"payment","event_id":"0b6f3c1e-%08x-4a1b-9c3d-%012x","source":"shop","timestamp":"2026-01-01T00:00:00Z","payload":{"amount":%d,"note":"%x"}}`+"\n", i*2654435761, i*40503, i*7919, i*2246822519)
	}
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write(plain.Bytes())
	_ = w.Close()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		b.Fatal(err)
	}
	s := &Server{inflaters: newInflaters()}
	s.Limits.Decompressed, s.Limits.ReadTimeout, s.budget.max = 64<<20, time.Hour, 1<<30
	for c, sent := range map[coding][]byte{gzipped: zipped.Bytes(), zstandard: encoder.EncodeAll(plain.Bytes(), nil)} {
		b.Run(c.String(), func(b *testing.B) {
			b.SetBytes(int64(plain.Len()))
			b.ReportAllocs()
			for b.Loop() {
				a := &account{budget: &s.budget}
				if got, err := s.inflate(sent, c, a); err != nil || len(got) != plain.Len() {
					b.Fatal(err)
				}
				a.close()
			}
		})
	}
}
