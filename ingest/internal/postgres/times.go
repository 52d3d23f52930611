package postgres

import "time"

// SessionLifetime bounds the life of a connection, since only a new one finds a server that has moved. Readers rely on
// this bound, also for ids that older versions have written (reader/span.go).
const SessionLifetime = 30 * time.Minute

// MinRetention is the least age of a batch that may be deleted. A batch in doubt, or one that is being read at the end
// of the feed, is far younger.
const MinRetention = time.Hour

// Epoch is the zero of timestamps in Postgres' binary format, in µs since 1970.
var Epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
