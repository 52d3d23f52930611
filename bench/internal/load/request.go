package load

import (
	"strconv"

	"ingot/bench/internal/mix"
)

// path is where events are published.
const path = "/publish"

const requestHead = "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "

// appendRequest appends a whole request with the picked events: one as an object,
// several as an array.
func appendRequest(dst []byte, e *mix.Encoder, picks []int, array bool) []byte {
	dst = append(dst, requestHead...)
	dst = strconv.AppendInt(dst, int64(bodyLen(e, picks, array)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return appendBody(dst, e, picks, array)
}

func bodyLen(e *mix.Encoder, picks []int, array bool) int {
	n := 0
	for _, i := range picks {
		n += e.Len(i)
	}
	if array {
		n += 2 + len(picks) - 1
	}
	return n
}

func appendBody(dst []byte, e *mix.Encoder, picks []int, array bool) []byte {
	if !array {
		return e.AppendEvent(dst, picks[0])
	}
	dst = append(dst, '[')
	for k, i := range picks {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = e.AppendEvent(dst, i)
	}
	return append(dst, ']')
}
