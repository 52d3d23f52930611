package main

import "time"

// config is every flag of the server. Each is an environment variable too.
type config struct {
	Listen       string   `default:"127.0.0.1:8080" env:"INGOT_LISTEN" help:"Address to serve HTTP on. Without --keys-file, anyone who can reach it can publish and read."`
	KeysFile     string   `name:"keys-file" type:"named" env:"INGOT_KEYS_FILE" placeholder:"FILE" help:"File with the keys of those who may publish, read or watch (see ingest key). It is read again when it changes. Not set: anyone may."`
	TLSCert      string   `name:"tls-cert" type:"named" env:"INGOT_TLS_CERT" placeholder:"FILE" help:"Certificate in PEM, followed by its chain: with it, the server speaks HTTPS only. It is read again when it changes."`
	TLSKey       string   `name:"tls-key" type:"named" env:"INGOT_TLS_KEY" placeholder:"FILE" help:"Private key of --tls-cert, in PEM."`
	AllowedHosts []string `name:"allowed-hosts" type:"named" env:"INGOT_ALLOWED_HOSTS" placeholder:"NAME,..." help:"Names that a request may ask for (Host), besides IP addresses, names without a dot, such as localhost, and names that end in .localhost; * for any. Not set: any; but none for a server that listens on this machine only, with neither --keys-file nor TLS, so that no web page can reach it by a name that is made to lead here."`
	DatabaseURL  string   `name:"database-url" type:"named" env:"DATABASE_URL" placeholder:"URL" help:"Postgres to use. Not set: a private one below --data-dir."`
	AllowUnsafe  bool     `name:"allow-unsafe-durability" env:"INGOT_ALLOW_UNSAFE_DURABILITY" help:"Start even if fsync, full_page_writes or synchronous_commit is off, or a table is unlogged: a crash may lose acknowledged events."`
	DataDir      string   `default:"./data" type:"named" env:"INGOT_DATA_DIR" help:"Folder of the private Postgres."`
	DebugListen  string   `env:"INGOT_DEBUG_LISTEN" placeholder:"ADDRESS" help:"Address to serve profiles on (/debug/pprof/). Not set: none."`
	LogLevel     string   `default:"info" enum:"debug,info,warn,error" env:"INGOT_LOG_LEVEL" help:"What to log: debug, info, warn or error."`

	MaxBody           byteSize      `default:"32MiB" env:"INGOT_MAX_BODY" help:"Largest body of a request."`
	MaxDecompressed   byteSize      `default:"64MiB" env:"INGOT_MAX_DECOMPRESSED" help:"Largest body of a request after decompression."`
	MaxEvents         int           `default:"10000" env:"INGOT_MAX_EVENTS" help:"Most events in one request."`
	MaxPayload        byteSize      `default:"256KiB" env:"INGOT_MAX_PAYLOAD" help:"Largest payload of an event."`
	UnknownFields     string        `default:"refuse" enum:"refuse,ignore" env:"INGOT_UNKNOWN_FIELDS" help:"What to do with unknown fields of an event: refuse or ignore."`
	MaxBodiesInFlight byteSize      `default:"128MiB" env:"INGOT_MAX_BODIES_IN_FLIGHT" help:"Most bytes of request bodies being read or waiting for an answer; beyond that, requests are refused with 503. A large body is read on only while there is room for all of it."`
	MaxHeader         byteSize      `default:"16KiB" env:"INGOT_MAX_HEADER" help:"Largest header of a request, 4KiB to 1MiB. Each connection has a buffer of this size, and holds about four times as much after such a header."`
	MaxConnections    int           `default:"16384" env:"INGOT_MAX_CONNECTIONS" help:"Most open connections."`
	BodyTimeout       time.Duration `default:"15s" env:"INGOT_BODY_TIMEOUT" help:"Time for a request to arrive, header and body; a compressed one gets it once more for decompression."`
	AnswerTimeout     time.Duration `default:"30s" env:"INGOT_ANSWER_TIMEOUT" help:"Time for a client to read an answer that is not streamed; after that the connection is closed."`
	IdleTimeout       time.Duration `default:"2m" env:"INGOT_IDLE_TIMEOUT" help:"Time a connection may wait for its next request."`
	MaxPage           byteSize      `default:"8MiB" env:"INGOT_MAX_PAGE" help:"Most bytes of events in one page of /events."`
	MaxReadsInFlight  byteSize      `default:"64MiB" env:"INGOT_MAX_READS_IN_FLIGHT" help:"Most bytes of pages on their way to clients; beyond that, readers are refused with 503. A single event that is larger is sent by itself."`
	ReadConnections   int           `default:"4" env:"INGOT_READ_CONNECTIONS" help:"Connections to Postgres for reading pages; streams, probes and --retention use one more each, subscriptions two, writing three."`
	QueryTimeout      time.Duration `default:"10s" env:"INGOT_QUERY_TIMEOUT" help:"Time for a reader's query; after that the answer is 503, and a stream tries again."`

	MaxStreams       int           `default:"1024" env:"INGOT_MAX_STREAMS" help:"Most streams and long polls at a time; more are refused with 503."`
	MaxExports       int           `default:"8" env:"INGOT_MAX_EXPORTS" help:"Most NDJSON exports at a time; more are refused with 503. Each reads one page at a time over --read-connections."`
	MaxSubscriptions int           `default:"1000" env:"INGOT_MAX_SUBSCRIPTIONS" help:"Most subscriptions in the database, of all ingesters; more are refused with 409."`
	StreamBuffer     int           `default:"4096" env:"INGOT_STREAM_BUFFER" help:"Most events that wait for one stream; beyond that, it reads on from the table."`
	StreamBytes      byteSize      `default:"4MiB" env:"INGOT_STREAM_BYTES" help:"Most bytes of events that wait for one stream; beyond that, likewise."`
	StreamHeartbeat  time.Duration `default:"15s" env:"INGOT_STREAM_HEARTBEAT" help:"A stream is told its place at least this often, or as soon as a query that takes longer is done."`
	StreamStall      time.Duration `default:"10s" env:"INGOT_STREAM_STALL" help:"A stream is cut off if its client reads nothing for this long."`
	FeedPoll         time.Duration `default:"200ms" env:"INGOT_FEED_POLL" help:"How often streams look for what other ingesters have committed."`

	QueueEvents        int           `default:"65536" env:"INGOT_QUEUE_EVENTS" help:"Most events waiting or being committed; beyond that, requests are refused with 503."`
	QueueBytes         byteSize      `default:"64MiB" env:"INGOT_QUEUE_BYTES" help:"Most bytes waiting or being committed; beyond that, likewise."`
	BatchEvents        int           `default:"5000" env:"INGOT_BATCH_EVENTS" help:"A batch stops growing at this many events; small requests from behind a large one may add an eighth."`
	BatchBytes         byteSize      `default:"8MiB" env:"INGOT_BATCH_BYTES" help:"A batch stops growing at this many bytes; likewise."`
	Linger             time.Duration `default:"2ms" env:"INGOT_LINGER" help:"While other ingesters write most batches: the longest wait, before a batch, for clients that were just answered; at most a quarter of the time the last batch took, and an eighth of --deadline. 0s: none."`
	Deadline           time.Duration `default:"10s" env:"INGOT_DEADLINE" help:"Time within which an accepted request is answered."`
	AttemptTimeout     time.Duration `default:"10s" env:"INGOT_ATTEMPT_TIMEOUT" help:"Time for one try at committing a batch."`
	LockTimeout        time.Duration `default:"500ms" env:"INGOT_LOCK_TIMEOUT" help:"Time a batch waits for a key that another transaction holds before the request with that key is set aside; at most a quarter of --attempt-timeout."`
	OutageGrace        time.Duration `default:"2s" env:"INGOT_OUTAGE_GRACE" help:"Once the database has failed for this long, plus the time a batch currently takes, requests are refused at once, except for one at a time that tries it."`
	SplitsPerSecond    int           `default:"50" env:"INGOT_SPLITS_PER_SECOND" help:"Batches per second that are halved at once, to find a request that keeps its batch from being stored; the halves of any more wait, and one is tried every 50ms."`
	RetryMax           time.Duration `default:"1s" env:"INGOT_RETRY_MAX" help:"Longest pause between two tries; the first is 20ms."`
	Bloom              string        `default:"on" enum:"on,off,always-yes,always-no,corrupted" env:"INGOT_BLOOM" help:"Bloom filter, on or off: events that it believes to be known are looked up, not sent as new ones. The other values are for tests."`
	BloomCapacity      uint          `default:"4194304" env:"INGOT_BLOOM_CAPACITY" help:"Keys in one generation of the filter."`
	BloomGenerations   int           `default:"4" env:"INGOT_BLOOM_GENERATIONS" help:"Generations to keep."`
	BloomFalsePositive float64       `default:"0.0001" env:"INGOT_BLOOM_FALSE_POSITIVE" help:"Share of new keys that may be looked up in vain."`

	WritePath string `default:"auto" enum:"auto,staged,direct" env:"INGOT_WRITE_PATH" help:"How rows get into the table: staged merges every batch; direct copies events that should be new straight in, and stages a batch that was refused; auto uses direct while that pays."`

	Retention time.Duration `default:"0s" env:"INGOT_RETENTION" help:"Delete events that were committed longer ago than this, such as 720h, in whole batches; at least 1h. 0s: events stay for ever."`

	DrainTimeout time.Duration `default:"20s" env:"INGOT_DRAIN_TIMEOUT" help:"Time for a clean stop."`
	DatabaseWait time.Duration `default:"30s" env:"INGOT_DATABASE_WAIT" help:"Time to wait at the start for a database that does not answer yet, or whose schema another process is bringing up to date."`
}
