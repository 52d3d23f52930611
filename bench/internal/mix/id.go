package mix

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"ingot/internal/workload"
)

const uuidLen = 36

// perMillisecond is how many UUIDv7 ids share a millisecond, as at an ingester that takes 50,000 events a second.
const perMillisecond = 50

// epochMillis is the time in the first UUIDv7: fixed, as everything here.
const epochMillis = 1_735_689_600_000 // 2025-01-01T00:00:00Z

// blankID is a placeholder for template j, as long as its ids are.
func (k IDs) blankID(j int) string {
	if k != Text {
		return fmt.Sprintf("%0*d", uuidLen, 0)
	}
	return textPrefix(j) + "0000000000000000"
}

// textPrefix begins the ids of template j. It makes ids of 21 to 60 bytes, of many senders, as people use them who do not use
// UUIDs.
func textPrefix(j int) string {
	shops := [...]string{"shop", "warehouse-north", "pos", "mobile-app-android", "partner/acme"}
	kinds := [...]string{"o", "invoice", "return-authorization", "tx"}
	return fmt.Sprintf("%s/%s/%03d:", shops[j%len(shops)], kinds[j/len(shops)%len(kinds)], j%1000)
}

// put writes id i over the placeholder in dst.
func (k IDs) put(dst []byte, i int) {
	high, low := workload.Spread(uint64(i)), workload.Spread(^uint64(i))
	switch k {
	case Text:
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], high)
		hex.Encode(dst[len(dst)-16:], b[:])
		return
	case UUIDv7:
		millis := epochMillis + uint64(i)/perMillisecond
		high = millis<<16 | 0x7000 | high&0x0fff
	default:
		high = high&^0xf000 | 0x4000
	}
	putUUID(dst, high, low&(1<<62-1)|1<<63)
}

func putUUID(dst []byte, high, low uint64) {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], high)
	binary.BigEndian.PutUint64(b[8:], low)
	hex.Encode(dst[0:8], b[0:4])
	dst[8] = '-'
	hex.Encode(dst[9:13], b[4:6])
	dst[13] = '-'
	hex.Encode(dst[14:18], b[6:8])
	dst[18] = '-'
	hex.Encode(dst[19:23], b[8:10])
	dst[23] = '-'
	hex.Encode(dst[24:36], b[10:16])
}
