package main

import "time"

// config is every flag of the server. Each is an environment variable too.
type config struct {
	Listen       string   `default:"127.0.0.1:8080" env:"INGOT_LISTEN" help:"Address to answer HTTP on. Without --keys-file anyone who can reach it can publish and read."`
	KeysFile     string   `name:"keys-file" type:"named" env:"INGOT_KEYS_FILE" placeholder:"FILE" help:"File with the keys of those who may publish, read or watch; ingest key makes one. It is read again when it changes. Not set: anyone may."`
	TLSCert      string   `name:"tls-cert" type:"named" env:"INGOT_TLS_CERT" placeholder:"FILE" help:"Certificate in PEM, with its chain behind it: then HTTPS is answered, and no plain HTTP. It is read again when it changes."`
	TLSKey       string   `name:"tls-key" type:"named" env:"INGOT_TLS_KEY" placeholder:"FILE" help:"Key of --tls-cert, in PEM."`
	AllowedHosts []string `name:"allowed-hosts" type:"named" env:"INGOT_ALLOWED_HOSTS" placeholder:"NAME,..." help:"Names that a request may ask for (Host), beside IP addresses, names without a dot, as localhost, and what ends in .localhost; * for any. Not set: any; but if --listen is of this machine alone, and there is neither --keys-file nor TLS, none: no web page may reach the server by a name that is made to lead here."`
	DatabaseURL  string   `name:"database-url" type:"named" env:"DATABASE_URL" placeholder:"URL" help:"Postgres to write to. Not set: a private one below --data-dir."`
	AllowUnsafe  bool     `name:"allow-unsafe-durability" env:"INGOT_ALLOW_UNSAFE_DURABILITY" help:"Start although fsync, full_page_writes or synchronous_commit is off: a crash may lose acknowledged events."`
	DataDir      string   `default:"./data" type:"named" env:"INGOT_DATA_DIR" help:"Folder of the private Postgres."`
	DebugListen  string   `env:"INGOT_DEBUG_LISTEN" placeholder:"ADDRESS" help:"Address for profiles (/debug/pprof/). Not set: none."`
	LogLevel     string   `default:"info" enum:"debug,info,warn,error" env:"INGOT_LOG_LEVEL" help:"debug, info, warn or error."`

	MaxBody           byteSize      `default:"32MiB" env:"INGOT_MAX_BODY" help:"Largest body of a request."`
	MaxDecompressed   byteSize      `default:"64MiB" env:"INGOT_MAX_DECOMPRESSED" help:"Largest body of a request once it is decompressed."`
	MaxEvents         int           `default:"10000" env:"INGOT_MAX_EVENTS" help:"Most events in one request."`
	MaxPayload        byteSize      `default:"256KiB" env:"INGOT_MAX_PAYLOAD" help:"Largest payload of an event."`
	UnknownFields     string        `default:"refuse" enum:"refuse,ignore" env:"INGOT_UNKNOWN_FIELDS" help:"What to do with unknown names in an event: refuse or ignore."`
	MaxBodiesInFlight byteSize      `default:"128MiB" env:"INGOT_MAX_BODIES_IN_FLIGHT" help:"Bytes of all bodies being read or waited for."`
	MaxHeader         byteSize      `default:"16KiB" env:"INGOT_MAX_HEADER" help:"Largest header of a request, 4KiB to 1MiB; each connection has a buffer of this size, and holds about four times as much once such a header has come."`
	MaxConnections    int           `default:"16384" env:"INGOT_MAX_CONNECTIONS" help:"Open connections."`
	BodyTimeout       time.Duration `default:"15s" env:"INGOT_BODY_TIMEOUT" help:"Time for a request to arrive, header and body; a compressed one has it once more to be decompressed."`
	AnswerTimeout     time.Duration `default:"30s" env:"INGOT_ANSWER_TIMEOUT" help:"Time for a client to take an answer that is not streamed; after that the connection is closed."`
	IdleTimeout       time.Duration `default:"2m" env:"INGOT_IDLE_TIMEOUT" help:"Time a connection may wait for its next request."`
	MaxPage           byteSize      `default:"8MiB" env:"INGOT_MAX_PAGE" help:"Bytes of events in one page of /events."`
	MaxReadsInFlight  byteSize      `default:"64MiB" env:"INGOT_MAX_READS_IN_FLIGHT" help:"Bytes of pages on their way to clients; beyond that readers are refused with 503. A single event that is larger goes by itself."`
	ReadConnections   int           `default:"4" env:"INGOT_READ_CONNECTIONS" help:"Connections to Postgres for reading pages; streams, probes and --retention take one more each, subscriptions two, writing three."`
	QueryTimeout      time.Duration `default:"10s" env:"INGOT_QUERY_TIMEOUT" help:"Time for one query of a reader; after that the answer is 503, and a stream tries again."`

	MaxStreams       int           `default:"1024" env:"INGOT_MAX_STREAMS" help:"Streams and long polls at a time; more are refused with 503."`
	MaxExports       int           `default:"8" env:"INGOT_MAX_EXPORTS" help:"Exports of NDJSON at a time; more are refused with 503. Each reads a page at a time over --read-connections."`
	MaxSubscriptions int           `default:"1000" env:"INGOT_MAX_SUBSCRIPTIONS" help:"Named subscriptions in the database, of all ingesters; more are refused with 409."`
	StreamBuffer     int           `default:"4096" env:"INGOT_STREAM_BUFFER" help:"Events that wait for one stream; beyond that the stream reads on from the table."`
	StreamBytes      byteSize      `default:"4MiB" env:"INGOT_STREAM_BYTES" help:"Bytes of events that wait for one stream; beyond that likewise."`
	StreamHeartbeat  time.Duration `default:"15s" env:"INGOT_STREAM_HEARTBEAT" help:"A stream is told its place at least this often, or as soon as a query that takes longer is over."`
	StreamStall      time.Duration `default:"10s" env:"INGOT_STREAM_STALL" help:"A stream whose client takes nothing for this long is cut off."`
	FeedPoll         time.Duration `default:"200ms" env:"INGOT_FEED_POLL" help:"How often streams look for what other ingesters have committed."`

	QueueEvents        int           `default:"65536" env:"INGOT_QUEUE_EVENTS" help:"Events waiting or being committed; beyond that requests are refused with 503."`
	QueueBytes         byteSize      `default:"64MiB" env:"INGOT_QUEUE_BYTES" help:"Bytes waiting or being committed; beyond that likewise."`
	BatchEvents        int           `default:"5000" env:"INGOT_BATCH_EVENTS" help:"A batch stops growing at so many events."`
	BatchBytes         byteSize      `default:"8MiB" env:"INGOT_BATCH_BYTES" help:"A batch stops growing at so many bytes."`
	Linger             time.Duration `default:"2ms" env:"INGOT_LINGER" help:"While other ingesters write most batches: longest wait before a batch for the clients that were just answered; at most a quarter of the time that the last batch took, and an eighth of --deadline. 0s: none."`
	Deadline           time.Duration `default:"10s" env:"INGOT_DEADLINE" help:"Time within which an accepted request is answered."`
	AttemptTimeout     time.Duration `default:"10s" env:"INGOT_ATTEMPT_TIMEOUT" help:"Time for one try at committing a batch."`
	LockTimeout        time.Duration `default:"500ms" env:"INGOT_LOCK_TIMEOUT" help:"Time a batch waits for a key that another transaction holds, before the request with that key is set aside; at most a quarter of --attempt-timeout."`
	OutageGrace        time.Duration `default:"2s" env:"INGOT_OUTAGE_GRACE" help:"Once the database has failed for this long, and for as long as a batch takes these days, requests are refused at once, but for one at a time that tries it."`
	SplitsPerSecond    int           `default:"50" env:"INGOT_SPLITS_PER_SECOND" help:"Batches that are halved at once in a second, to find a request that keeps its batch from being stored; the halves of more wait, and one is tried every 50ms."`
	RetryMax           time.Duration `default:"1s" env:"INGOT_RETRY_MAX" help:"Longest pause between two tries; the first is 20ms."`
	Bloom              string        `default:"on" enum:"on,off,always-yes,always-no,corrupted" env:"INGOT_BLOOM" help:"Bloom filter, by which known events are looked up and not shipped as new ones: on or off. The other values are for tests."`
	BloomCapacity      uint          `default:"4194304" env:"INGOT_BLOOM_CAPACITY" help:"Keys in one generation of the filter."`
	BloomGenerations   int           `default:"4" env:"INGOT_BLOOM_GENERATIONS" help:"Generations that are kept."`
	BloomFalsePositive float64       `default:"0.0001" env:"INGOT_BLOOM_FALSE_POSITIVE" help:"Share of new keys that may be looked up in vain."`

	WritePath string `default:"auto" enum:"auto,staged,direct" env:"INGOT_WRITE_PATH" help:"How rows get into the table: staged merges every batch; direct copies events that should be new straight in, and stages a batch that was refused; auto takes direct while that pays."`

	Retention time.Duration `default:"0s" env:"INGOT_RETENTION" help:"Delete events that were committed longer ago than this, as 720h, by whole batches; at least 1h. 0s: events stay for ever."`

	DrainTimeout time.Duration `default:"20s" env:"INGOT_DRAIN_TIMEOUT" help:"Time for a clean stop."`
	DatabaseWait time.Duration `default:"30s" env:"INGOT_DATABASE_WAIT" help:"Time to wait at the start for a database that does not answer yet, or whose schema another process brings up to date."`
}
