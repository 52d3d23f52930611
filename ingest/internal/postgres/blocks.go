package postgres

import "fmt"

// Writers take ids from blocks. The index events_slices finds a row by its slice, and by its topic together with its
// block.
const (
	// BlockSize is how many ids one value of ingot.id_blocks stands for; it is the
	// sequence's INCREMENT. No batch can be larger.
	BlockSize = 65_536

	// SliceBits is such that a slice has 8,192 ids. Rows that are not where they should be are looked for in their
	// slice.
	SliceBits = 13

	// BlockBits is such that a block of the index has 65,536 ids, all but one of which come from one value of
	// ingot.id_blocks. Finding a rare topic costs one key per block; a frequent topic has thousands of rows in a block.
	BlockBits = 16
)

// SliceOf is the slice that an id lies in.
func SliceOf(id int64) int64 { return id >> SliceBits }

// RowKeys is the expression that is indexed: the two keys of a row.
var RowKeys = fmt.Sprintf("ARRAY[id >> %d, hashtextextended(topic, id >> %d)]", SliceBits, BlockBits)
