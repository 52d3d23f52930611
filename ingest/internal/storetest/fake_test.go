package storetest

import "testing"

func TestFakeKeepsTheContract(t *testing.T) {
	t.Parallel()
	Contract(t, func(*testing.T) Opened {
		f := NewFake()
		return Opened{Store: f, Rows: f.Rows}
	})
}
