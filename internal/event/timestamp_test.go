package event

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestTimestampDetails: a timestamp of the right form is told what else is wrong with it.
func TestTimestampDetails(t *testing.T) {
	t.Parallel()
	for timestamp, want := range map[string]string{
		"2025-02-30T10:00:00Z":                                 `timestamp "2025-02-30T10:00:00Z" names a day that does not exist`,
		"2025-04-31 10:00:00":                                  `timestamp "2025-04-31 10:00:00" names a day that does not exist`,
		"1966-01-01T00:00:00Z":                                 `timestamp "1966-01-01T00:00:00Z" is outside the years 1970 to 2200`,
		"2025-12-19T10:00:00." + strings.Repeat("1", 45) + "Z": `timestamp "2025-12-19T10:00:00.11111111111111111111"… is longer than 64 bytes; send a fraction of at most 9 digits, of which 6 are kept`,
		"2025-02-32T10:00:00Z":                                 `timestamp "2025-02-32T10:00:00Z" is not RFC 3339; send for example "2025-12-19T10:00:00Z"`,
		"2025-02-03T10:00:00+0100":                             `timestamp "2025-02-03T10:00:00+0100" is not RFC 3339; after the seconds it needs "Z" or an offset such as "+01:00"`,
		"2025-02-03 10:00:00.5 UTC":                            `timestamp "2025-02-03 10:00:00.5 UTC" is not RFC 3339; after the seconds it needs "Z" or an offset such as "+01:00"`,
		"30.02.2025, 10:00 Uhr":                                `timestamp "30.02.2025, 10:00 Uhr" is not RFC 3339; send for example "2025-12-19T10:00:00Z"`,
	} {
		d, err := Decode(good("timestamp", strconv.Quote(timestamp)), JSON, DefaultLimits())
		if err != nil || len(d.Invalid) != 1 || d.Invalid[0].Errors[0].Detail != want {
			t.Errorf("got %+v %v\nwant %s", d.Invalid, err, want)
		}
	}
}

func TestTimestamps(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"2025-12-19T10:00:00Z":                           "2025-12-19T10:00:00Z",
		"2025-12-19t10:00:00z":                           "2025-12-19T10:00:00Z",
		"2025-12-19 10:00:00":                            "2025-12-19T10:00:00Z",
		"2025-12-19T10:00:00.123456":                     "2025-12-19T10:00:00.123456Z",
		"2025-12-19T10:00:00.9999999Z":                   "2025-12-19T10:00:00.999999Z",
		"2025-12-19T10:00:00.1+05:30":                    "2025-12-19T04:30:00.1Z",
		"2025-12-31T23:59:59.5-00:00":                    "2025-12-31T23:59:59.5Z",
		"2016-12-31T23:59:60Z":                           "2017-01-01T00:00:00Z",
		"2016-12-31T15:59:60-08:00":                      "2017-01-01T00:00:00Z",
		"2024-02-29T00:00:00Z":                           "2024-02-29T00:00:00Z",
		"1970-01-01T00:00:00Z":                           "1970-01-01T00:00:00Z",
		"2200-12-31T23:59:59.999999Z":                    "2200-12-31T23:59:59.999999Z",
		"1969-12-31T23:00:00-01:00":                      "1970-01-01T00:00:00Z",
		"2025-12-19T10:00:00.000000000000001":            "2025-12-19T10:00:00Z",
		"2025-12-19T10:00:00+23:59":                      "2025-12-18T10:01:00Z",
		"2025-12-19T10:00:00." + strings.Repeat("0", 44): "2025-12-19T10:00:00Z",
	} {
		got, err := ParseTimestamp(in)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: got %s %v, want %s", in, got.Format(time.RFC3339Nano), err, want)
		}
	}
	for _, in := range []string{"2025-12-19T10:00:00." + strings.Repeat("0", 45), "2016-12-31T22:59:60Z", "2016-12-31T00:29:60Z", "2025-13-01T00:00:00Z", "2025-00-01T00:00:00Z", "2025-01-00T00:00:00Z", "2023-02-29T00:00:00Z", "2025-12-19T10:60:00Z", "2025-12-19T10:00:61Z", "2025-12-19T10:00:00 Z", "2025-12-19T10:00:00+24:00", "2025-12-19T10:00:00+01:60", "2025-12-19T10:00:00,5Z", "20251219T100000Z", "２025-12-19T10:00:00Z", "2025-12-19T10:00:00ZZ", "+025-12-19T10:00:00Z"} {
		if got, err := ParseTimestamp(in); err == nil {
			t.Errorf("%s was taken as %s", in, got)
		}
	}
}
