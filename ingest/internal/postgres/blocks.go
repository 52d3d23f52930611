package postgres

import "fmt"

// What an id tells: whoever writes takes ids from a block, and the index events_slices knows a row by its slice, and by
// its topic together with its block.
const (
	// BlockSize is how many ids one value of ingot.id_blocks stands for; it is the
	// sequence's INCREMENT. No batch can be larger.
	BlockSize = 65_536

	// A slice is as many ids as have this many bits: 8,192. Rows that are not where they should be are looked for
	// in their slice.
	SliceBits = 13

	// A block is 65,536 ids, all but one of which come from one value of ingot.id_blocks. To find a topic that is
	// rare costs one key for each block; a topic that is frequent has thousands of rows in a block.
	BlockBits = 16
)

// SliceOf is the slice that an id lies in.
func SliceOf(id int64) int64 { return id >> SliceBits }

// RowKeys is the expression that the index is made of: the two keys of a row.
var RowKeys = fmt.Sprintf("ARRAY[id >> %d, hashtextextended(topic, id >> %d)]", SliceBits, BlockBits)
