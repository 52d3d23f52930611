package main

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"ingot/ingest/internal/dedup"
	"ingot/ingest/internal/feed"
	"ingot/ingest/internal/httpapi"
	"ingot/ingest/internal/pipeline"
	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// config is every flag of the server. Each is an environment variable too.
type config struct {
	Listen       string   `default:"127.0.0.1:8080" env:"INGOT_LISTEN" help:"Address to answer HTTP on. Without --keys-file anyone who can reach it can publish and read."`
	KeysFile     string   `name:"keys-file" type:"named" env:"INGOT_KEYS_FILE" placeholder:"FILE" help:"File of the keys of those who may publish, read or watch; ingest key makes one. It is read again when it changes. Not set: anyone may."`
	TLSCert      string   `name:"tls-cert" type:"named" env:"INGOT_TLS_CERT" placeholder:"FILE" help:"Certificate in PEM, its chain behind it: HTTPS is answered then, and no plain HTTP. Read again when it changes."`
	TLSKey       string   `name:"tls-key" type:"named" env:"INGOT_TLS_KEY" placeholder:"FILE" help:"Key of --tls-cert, in PEM."`
	AllowedHosts []string `name:"allowed-hosts" env:"INGOT_ALLOWED_HOSTS" placeholder:"NAME,..." help:"Names that requests may come for (Host), beside IP addresses, names without a dot, as localhost, and what ends in .localhost; * for any. Not set: any, but on --listen of this machine alone, without --keys-file and TLS, no other: a web page must not reach it by a name made to lead here."`
	DatabaseURL  string   `name:"database-url" type:"named" env:"DATABASE_URL" placeholder:"URL" help:"Postgres to write to. Not set: a private one below --data-dir."`
	AllowUnsafe  bool     `name:"allow-unsafe-durability" env:"INGOT_ALLOW_UNSAFE_DURABILITY" help:"Start although fsync, full_page_writes or synchronous_commit is off: a crash may lose acknowledged events."`
	DataDir      string   `default:"./data" env:"INGOT_DATA_DIR" help:"Folder of the private Postgres."`
	DebugListen  string   `env:"INGOT_DEBUG_LISTEN" placeholder:"ADDRESS" help:"Address for profiles (/debug/pprof/). Not set: none."`
	LogLevel     string   `default:"info" enum:"debug,info,warn,error" env:"INGOT_LOG_LEVEL" help:"debug, info, warn or error."`

	MaxBody           byteSize      `default:"32MiB" env:"INGOT_MAX_BODY" help:"Largest body of a request."`
	MaxDecompressed   byteSize      `default:"64MiB" env:"INGOT_MAX_DECOMPRESSED" help:"Largest body of a request once it is decompressed."`
	MaxEvents         int           `default:"10000" env:"INGOT_MAX_EVENTS" help:"Most events in one request."`
	MaxPayload        byteSize      `default:"256KiB" env:"INGOT_MAX_PAYLOAD" help:"Largest payload of an event."`
	UnknownFields     string        `default:"refuse" enum:"refuse,ignore" env:"INGOT_UNKNOWN_FIELDS" help:"What to do with unknown names in an event: refuse or ignore."`
	MaxBodiesInFlight byteSize      `default:"128MiB" env:"INGOT_MAX_BODIES_IN_FLIGHT" help:"Bytes of all bodies being read or waited for."`
	MaxHeader         byteSize      `default:"16KiB" env:"INGOT_MAX_HEADER" help:"Largest header of a request, 4KiB to 1MiB; each connection has a buffer of this size, and holds some four times as much once such a header has come."`
	MaxConnections    int           `default:"16384" env:"INGOT_MAX_CONNECTIONS" help:"Open connections."`
	BodyTimeout       time.Duration `default:"15s" env:"INGOT_BODY_TIMEOUT" help:"Time for a request to arrive, header and body; a compressed one has it once more to be decompressed."`
	AnswerTimeout     time.Duration `default:"30s" env:"INGOT_ANSWER_TIMEOUT" help:"Time for a client to take an answer that is not streamed; over it the connection is closed."`
	IdleTimeout       time.Duration `default:"2m" env:"INGOT_IDLE_TIMEOUT" help:"Time a connection may wait for its next request."`
	MaxPage           byteSize      `default:"8MiB" env:"INGOT_MAX_PAGE" help:"Bytes of events in one page of /events."`
	MaxReadsInFlight  byteSize      `default:"64MiB" env:"INGOT_MAX_READS_IN_FLIGHT" help:"Bytes of pages on their way to clients; over it readers are refused with 503."`
	ReadConnections   int           `default:"4" env:"INGOT_READ_CONNECTIONS" help:"Connections to Postgres for reading pages; streams, probes and --retention take one more each, subscriptions two, writing three."`
	QueryTimeout      time.Duration `default:"10s" env:"INGOT_QUERY_TIMEOUT" help:"Time for one reading from Postgres; over it the answer is 503, and a stream tries again."`

	MaxStreams       int           `default:"1024" env:"INGOT_MAX_STREAMS" help:"Streams and long polls at a time; over it they are refused with 503."`
	MaxExports       int           `default:"8" env:"INGOT_MAX_EXPORTS" help:"Exports of NDJSON at a time; over it they are refused with 503. Each reads a page at a time over --read-connections."`
	MaxSubscriptions int           `default:"1000" env:"INGOT_MAX_SUBSCRIPTIONS" help:"Named subscriptions in the database, of all ingesters; over it new ones are refused with 409."`
	StreamBuffer     int           `default:"4096" env:"INGOT_STREAM_BUFFER" help:"Events that wait for one stream; over it the stream reads on from the table."`
	StreamBytes      byteSize      `default:"4MiB" env:"INGOT_STREAM_BYTES" help:"Bytes of events that wait for one stream; likewise."`
	StreamHeartbeat  time.Duration `default:"15s" env:"INGOT_STREAM_HEARTBEAT" help:"A stream is told its place at least this often, or once a reading that takes longer is over."`
	StreamStall      time.Duration `default:"10s" env:"INGOT_STREAM_STALL" help:"A stream whose client takes nothing for this long is cut off."`
	FeedPoll         time.Duration `default:"200ms" env:"INGOT_FEED_POLL" help:"How often streams look for what other ingesters have committed."`

	QueueEvents        int           `default:"65536" env:"INGOT_QUEUE_EVENTS" help:"Events waiting or being committed; over it requests are refused with 503."`
	QueueBytes         byteSize      `default:"64MiB" env:"INGOT_QUEUE_BYTES" help:"Bytes waiting or being committed."`
	BatchEvents        int           `default:"5000" env:"INGOT_BATCH_EVENTS" help:"A batch stops growing here."`
	BatchBytes         byteSize      `default:"8MiB" env:"INGOT_BATCH_BYTES" help:"A batch stops growing here."`
	Linger             time.Duration `default:"2ms" env:"INGOT_LINGER" help:"While other ingesters write most batches: longest wait before a batch for the clients that were just answered, within a quarter of the time that the last batch took; 0s for none."`
	Deadline           time.Duration `default:"10s" env:"INGOT_DEADLINE" help:"Time within which an accepted request is answered."`
	AttemptTimeout     time.Duration `default:"10s" env:"INGOT_ATTEMPT_TIMEOUT" help:"Time for one try at committing a batch."`
	LockTimeout        time.Duration `default:"500ms" env:"INGOT_LOCK_TIMEOUT" help:"Time a batch waits for a key that another transaction holds, before the request with that key is set aside; at most a quarter of --attempt-timeout."`
	OutageGrace        time.Duration `default:"2s" env:"INGOT_OUTAGE_GRACE" help:"When the database has failed for this long, requests are refused at once, but for one at a time that tries it."`
	SplitsPerSecond    int           `default:"50" env:"INGOT_SPLITS_PER_SECOND" help:"Batches halved at once in a second, to find a request that keeps its batch from being stored; halves of more wait, and are tried every 50ms."`
	RetryMax           time.Duration `default:"1s" env:"INGOT_RETRY_MAX" help:"Longest pause between two tries; the first is 20ms."`
	Bloom              string        `default:"on" enum:"on,off,always-yes,always-no,corrupted" env:"INGOT_BLOOM" help:"Bloom filter that spares known events the way of new ones: on or off. The other values are for tests."`
	BloomCapacity      uint          `default:"4194304" env:"INGOT_BLOOM_CAPACITY" help:"Keys in one generation of the filter."`
	BloomGenerations   int           `default:"4" env:"INGOT_BLOOM_GENERATIONS" help:"Generations that are kept."`
	BloomFalsePositive float64       `default:"0.0001" env:"INGOT_BLOOM_FALSE_POSITIVE" help:"Share of new keys that may be looked up in vain."`

	WritePath string `default:"auto" enum:"auto,staged,direct" env:"INGOT_WRITE_PATH" help:"How rows get into the table: staged merges every batch, direct copies what should be new straight in and stages what was refused, auto takes direct while that pays."`

	Retention time.Duration `default:"0s" env:"INGOT_RETENTION" help:"Delete events that were committed longer ago, by whole batches; at least 1h, as 720h. 0s: events stay for ever."`

	DrainTimeout time.Duration `default:"20s" env:"INGOT_DRAIN_TIMEOUT" help:"Time for a clean stop."`
	DatabaseWait time.Duration `default:"30s" env:"INGOT_DATABASE_WAIT" help:"Time to wait at the start for a database that does not answer yet, or whose schema another process brings up to date."`
}

// variable is the environment's name for a flag of serve, except for --database-url.
func variable(flag string) string {
	return "INGOT_" + strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(flag, "--"), "-", "_"))
}

// named reads the value of a flag or variable that may be left out, but must not be empty. If an empty value counted as not
// set, INGOT_KEYS_FILE=$KEYS without a KEYS would open the door to everybody, and DATABASE_URL=$URL without a URL would have
// the server begin a database of its own.
func named(d *kong.DecodeContext, target reflect.Value) error {
	t, err := d.Scan.PopValue("file")
	if err != nil {
		return err
	}
	if t.String() == "" {
		return errors.New("it is empty: leave it out, or say which")
	}
	target.SetString(t.String())
	return nil
}

// check finds settings that are out of range, cannot be read, or contradict each other.
func (c *config) check() error {
	positive := map[string]int64{
		"max-body": int64(c.MaxBody), "max-decompressed": int64(c.MaxDecompressed), "max-events": int64(c.MaxEvents), "max-payload": int64(c.MaxPayload),
		"max-bodies-in-flight": int64(c.MaxBodiesInFlight), "max-connections": int64(c.MaxConnections),
		"body-timeout": int64(c.BodyTimeout), "answer-timeout": int64(c.AnswerTimeout), "idle-timeout": int64(c.IdleTimeout), "max-page": int64(c.MaxPage),
		"read-connections": int64(c.ReadConnections), "query-timeout": int64(c.QueryTimeout), "max-streams": int64(c.MaxStreams), "max-exports": int64(c.MaxExports), "max-subscriptions": int64(c.MaxSubscriptions),
		"stream-buffer": int64(c.StreamBuffer), "stream-bytes": int64(c.StreamBytes),
		"stream-heartbeat": int64(c.StreamHeartbeat), "stream-stall": int64(c.StreamStall), "feed-poll": int64(c.FeedPoll), "queue-events": int64(c.QueueEvents),
		"queue-bytes": int64(c.QueueBytes), "batch-events": int64(c.BatchEvents), "batch-bytes": int64(c.BatchBytes),
		"deadline": int64(c.Deadline), "attempt-timeout": int64(c.AttemptTimeout), "lock-timeout": int64(c.LockTimeout),
		"outage-grace": int64(c.OutageGrace), "retry-max": int64(c.RetryMax), "drain-timeout": int64(c.DrainTimeout),
		"splits-per-second": int64(c.SplitsPerSecond),
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(positive)) {
		if positive[name] <= 0 {
			errs = append(errs, fmt.Errorf("--%s must be more than 0", name))
		}
	}
	if c.Retention != 0 && c.Retention < postgres.MinRetention {
		errs = append(errs, fmt.Errorf("--retention must be at least %s, or 0s for events that stay for ever", postgres.MinRetention))
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		errs = append(errs, errors.New("--tls-cert (INGOT_TLS_CERT) and --tls-key (INGOT_TLS_KEY) go together: one of them is not set"))
	}
	if err := checkDatabaseURL(c.DatabaseURL); err != nil {
		errs = append(errs, err)
	}
	if err := c.bloom().Check(); err != nil {
		errs = append(errs, fmt.Errorf("--bloom-*: %w", err))
	}
	errs = append(errs, checkHosts(c.AllowedHosts)...)
	return errors.Join(append(errs, c.checkSizes()...)...)
}

// checkDatabaseURL finds a URL that Postgres clients do not understand. One that is not set is no error.
func checkDatabaseURL(url string) error {
	if url == "" {
		return nil
	}
	if err := postgres.CheckURL(url); err != nil {
		return fmt.Errorf("--database-url (DATABASE_URL): %w: want postgres://user:password@host/database", err)
	}
	return nil
}

// checkSizes finds bounds that do not hold even one of what they bound, and bounds that are outside of a fixed range.
func (c *config) checkSizes() (errs []error) {
	wants := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wants(c.MaxEvents <= postgres.BlockSize, "--max-events may be at most %d, the size of a block of ids", postgres.BlockSize)
	wants(c.BatchEvents <= postgres.BlockSize, "--batch-events may be at most %d, the size of a block of ids", postgres.BlockSize)
	wants(c.MaxEvents <= c.QueueEvents, "--queue-events must hold a request of --max-events")
	wants(max(c.MaxBody, c.MaxDecompressed) <= c.QueueBytes, "--queue-bytes must hold a request of --max-body and one of --max-decompressed")
	peak := c.limits().Peak()
	wants(peak <= int64(c.MaxBodiesInFlight), "--max-bodies-in-flight must be at least %d: what one request of --max-body and --max-decompressed takes", peak)
	wants(2*c.MaxPage <= c.MaxReadsInFlight, "--max-reads-in-flight must hold two of --max-page: what JSON adds may double a page")
	wants(max(c.BatchBytes, c.MaxBody, c.MaxDecompressed) <= 512<<20, "--batch-bytes, --max-body and --max-decompressed may be at most 512MiB: Postgres takes no message of 1 GB")
	wants(c.MaxHeader >= 4<<10 && c.MaxHeader <= 1<<20, "--max-header must be 4KiB to 1MiB: each of --max-connections has a buffer of this size")
	wants(c.Linger >= 0, "--linger must be 0s or more")
	wants(c.MaxPayload <= 64<<20, "--max-payload may be at most 64MiB")
	return errs
}

func (c *config) bloom() dedup.Config {
	return dedup.Config{Capacity: c.BloomCapacity, Generations: c.BloomGenerations, FalsePositive: c.BloomFalsePositive}
}

func (c *config) pipeline() pipeline.Config {
	return pipeline.Config{
		QueueEvents: c.QueueEvents, QueueBytes: int64(c.QueueBytes),
		BatchEvents: c.BatchEvents, BatchBytes: int64(c.BatchBytes), Linger: c.Linger,
		Deadline: c.Deadline, AttemptTimeout: c.AttemptTimeout,
		OutageGrace: c.OutageGrace,
		RetryBase:   min(20*time.Millisecond, c.RetryMax), RetryMax: c.RetryMax,
		DrainTimeout: c.DrainTimeout, SplitsPerSecond: c.SplitsPerSecond,
	}
}

// timeouts are those that Postgres keeps: by them it notices a dead ingester, and ends a statement that the ingester has
// stopped waiting for. Lock is at most a quarter of an attempt, because a batch may wait for a held key twice: on the direct
// path, which has half of the attempt's time, and then on the staged path. If the attempt ended before both waits were over,
// the whole batch would be tried again and again, and none of its events stored while the key is held.
func (c *config) timeouts() postgres.Timeouts {
	return postgres.Timeouts{Statement: c.AttemptTimeout, Lock: min(c.LockTimeout, c.AttemptTimeout/4), Idle: c.AttemptTimeout}
}

func (c *config) limits() httpapi.Limits {
	events := event.DefaultLimits()
	events.MaxEvents, events.MaxPayloadBytes = c.MaxEvents, int(c.MaxPayload)
	events.IgnoreUnknown = c.UnknownFields == "ignore"
	return httpapi.Limits{
		Body: int(c.MaxBody), Decompressed: int(c.MaxDecompressed), BodiesInFlight: int64(c.MaxBodiesInFlight), Page: int(c.MaxPage), Reads: int64(c.MaxReadsInFlight), Exports: c.MaxExports,
		Streams: c.MaxStreams, Subscriptions: c.MaxSubscriptions,
		Header: int(c.MaxHeader), Connections: c.MaxConnections,
		ReadTimeout: c.BodyTimeout, WriteTimeout: c.AnswerTimeout, IdleTimeout: c.IdleTimeout,
		QueryTimeout: c.QueryTimeout, Heartbeat: c.StreamHeartbeat, Stall: c.StreamStall, Events: events,
	}
}

// catchUpBytes bounds a page that a stream reads while it catches up. Each of a thousand slow clients may hold such a page.
// With small events a page ends at a thousand events before it is so large.
const catchUpBytes = 256 << 10

// feed bounds the hub. The hub reads small pages, so that streams get one page while it reads the next.
func (c *config) feed() feed.Config {
	return feed.Config{
		Streams: c.MaxStreams, Buffer: c.StreamBuffer, BufferBytes: int(c.StreamBytes), PageBytes: min(2<<20, int(c.MaxPage)), CatchUpBytes: min(catchUpBytes, int(c.MaxPage)),
		Poll: c.FeedPoll, Stall: c.StreamStall, QueryTimeout: c.QueryTimeout,
	}
}

// unknownVariables are those variables of the environment that begin with INGOT_, as settings do, but are no setting: a
// misspelt setting would be passed over without a word. INGOT_POSTGRES is known: it says where `make postgres` has put a
// Postgres. So are INGOT_URL and INGOT_CA, which are the publisher's. The publisher's INGOT_KEY is told of all the same:
// whoever means INGOT_KEYS_FILE must not find the door open.
func unknownVariables(environment []string, flags []*kong.Flag) (unknown []string) {
	known := []string{"INGOT_POSTGRES", "INGOT_URL", "INGOT_CA"}
	for _, f := range flags {
		known = append(known, f.Envs...)
	}
	for _, variable := range environment {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "INGOT_") && !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}
