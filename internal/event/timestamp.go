package event

import (
	"errors"
	"fmt"
	"time"
)

// MinYear and MaxYear are the first and the last year an event's timestamp may lie in, after
// conversion to UTC. A value outside of them is nearly always in the wrong unit (milliseconds for
// seconds).
const (
	MinYear = 1970
	MaxYear = 2200
)

// maxTimestampBytes bounds the text; 9 digits of fraction need 35.
const maxTimestampBytes = 64

// Each text continues a sentence that begins with the name of the value.
var (
	errTimestampForm  = errors.New(`is not RFC 3339; send for example "2025-12-19T10:00:00Z"`)
	errTimestampZone  = errors.New(`is not RFC 3339; after the seconds it needs "Z" or an offset such as "+01:00"`)
	errTimestampLong  = fmt.Errorf("is longer than %d bytes; send a fraction of at most 9 digits, of which 6 are kept", maxTimestampBytes)
	errTimestampDay   = errors.New("names a day that does not exist")
	errTimestampRange = fmt.Errorf("is outside the years %d to %d", MinYear, MaxYear)
)

// timestamp takes the value start..end as the event's timestamp.
func (d *decoder) timestamp(start, end int) {
	text, ok := d.stringMember("timestamp", `a string such as "2025-12-19T10:00:00Z"`, start, end)
	if !ok {
		return
	}
	t, err := ParseTimestamp(text)
	switch {
	case errors.Is(err, errTimestampRange):
		d.event.refuse("timestamp", CodeTimestampRange, "timestamp "+quote(text)+" "+err.Error())
	case err != nil:
		d.event.refuse("timestamp", CodeBadTimestamp, "timestamp "+quote(text)+" "+err.Error())
	default:
		d.event.Timestamp = t
	}
}

// ParseTimestamp reads RFC 3339: date, 'T' (or 't', or the blank its section
// 5.6 allows), time, any fraction, then 'Z' or an offset. Without an offset the
// time is UTC, as clients of the old service send it. A fraction is cut, not
// rounded, to microseconds. A leap second is the first second of the next
// minute, as in Postgres, and is taken only where one can be: at 23:59:60 UTC.
// The text of an error continues a sentence that begins with the name of the value: "is not RFC 3339; ..".
func ParseTimestamp(s string) (time.Time, error) {
	if len(s) > maxTimestampBytes {
		return time.Time{}, errTimestampLong
	}
	if len(s) < len("2006-01-02T15:04:05") {
		return time.Time{}, errTimestampForm
	}
	year, ok1 := digits(s, 0, 4)
	month, ok2 := digits(s, 5, 2)
	day, ok3 := digits(s, 8, 2)
	hour, ok4 := digits(s, 11, 2)
	minute, ok5 := digits(s, 14, 2)
	second, ok6 := digits(s, 17, 2)
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6) ||
		s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != 't' && s[10] != ' ') || s[13] != ':' || s[16] != ':' ||
		month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, errTimestampForm
	}
	if day > daysIn(year, month) {
		return time.Time{}, errTimestampDay
	}
	micros, i, ok := fraction(s, 19)
	if !ok {
		return time.Time{}, errTimestampForm
	}
	offset, ok := offsetSeconds(s[i:])
	if !ok {
		return time.Time{}, errTimestampZone
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, micros*1000, time.UTC).Add(-time.Duration(offset) * time.Second)
	if second == 60 && (t.Hour() != 0 || t.Minute() != 0) {
		return time.Time{}, errTimestampForm
	}
	if y := t.Year(); y < MinYear || y > MaxYear {
		return time.Time{}, errTimestampRange
	}
	return t, nil
}

func digits(s string, i, n int) (value int, ok bool) {
	for _, c := range []byte(s[i : i+n]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		value = value*10 + int(c-'0')
	}
	return value, true
}

// fraction reads ".123" at i, if there, as microseconds.
func fraction(s string, i int) (micros, next int, ok bool) {
	if i == len(s) || s[i] != '.' {
		return 0, i, true
	}
	start := i + 1
	scale := 100_000
	for i = start; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		micros += int(s[i]-'0') * scale
		scale /= 10
	}
	return micros, i, i > start
}

// offsetSeconds reads "", "Z" or "+05:30".
func offsetSeconds(s string) (int, bool) {
	if s == "" || s == "Z" || s == "z" {
		return 0, true
	}
	if len(s) != len("+05:30") || (s[0] != '+' && s[0] != '-') || s[3] != ':' {
		return 0, false
	}
	hours, ok1 := digits(s, 1, 2)
	minutes, ok2 := digits(s, 4, 2)
	if !ok1 || !ok2 || hours > 23 || minutes > 59 {
		return 0, false
	}
	seconds := hours*3600 + minutes*60
	if s[0] == '-' {
		return -seconds, true
	}
	return seconds, true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
