package httpapi

import (
	"context"
	"crypto/tls"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"ingot/internal/event"
)

// Publisher takes in the events of a request and tells their fate.
type Publisher interface {
	// Submit waits until the group's fate is known: for each event whether it was stored (true) or was there already
	// (false), or one of the errors of package event (NotStoredError, BadDataError, UnknownError).
	Submit(group event.Group, bytes int64) ([]bool, error)
}

// Reader reads what was committed. An error that is not named at a method means that the database could not be asked.
type Reader interface {
	// Events fails with *event.CursorError for a cursor it cannot go on from.
	Events(ctx context.Context, q event.Query) (event.Page, error)
	// Event reads one event by its key; false: there is none.
	Event(ctx context.Context, topic, id string) (event.Stored, bool, error)
	// Start finds the place that "beginning", "now" or a cursor of the feed stands for; it fails as Events does.
	Start(ctx context.Context, after string) (event.Position, error)
	// Totals returns the totals of the commit log, of all instances and all time. With them come the counts of the
	// most topics that have the most events, or of all topics if most is negative. It fails with
	// event.ErrTooManyTopics when the counts take more than maxBytes.
	Totals(ctx context.Context, most int, maxBytes int64) (event.Totals, error)
	// Ping asks whether the database answers.
	Ping(ctx context.Context) error
}

// Limits bounds what the gate takes. All fields are required.
type Limits struct {
	Body           int           // bytes of one body, as sent
	Decompressed   int           // bytes of one body, inflated
	BodiesInFlight int64         // bytes of all bodies being read or waited for
	Page           int           // bytes of events in one page of /events
	Reads          int64         // bytes of pages on their way to clients
	Exports        int           // answers of NDJSON under way at a time
	Streams        int           // streams and long polls at a time; the Feed holds them to it
	Subscriptions  int           // in the database, which keeps no more
	Header         int           // bytes of one request's header
	Connections    int           // open at a time
	ReadTimeout    time.Duration // header and body of one request
	WriteTimeout   time.Duration // one answer
	IdleTimeout    time.Duration // between two requests of a connection
	QueryTimeout   time.Duration // one read from the database
	Heartbeat      time.Duration // a stream is told its place at least this often, or once a query that takes longer is done
	Stall          time.Duration // a stream's client must take each write within this
	Events         event.Limits
}

// Peak is the most that one request can take of BodiesInFlight: a growing body is copied
// into a larger buffer, a compressed body is held until it is inflated, and
// in the end the body is held together with the room for its answer.
func (l Limits) Peak() int64 {
	answer := int64(l.Events.MaxEvents) * answerBytes
	return max(peak(int64(l.Body)), int64(l.Body)+peak(int64(l.Decompressed)), int64(max(l.Body, l.Decompressed))+answer)
}

// Config is what a Server is made of.
type Config struct {
	Limits    Limits
	Keys      Keys        // nil: anyone may do everything
	TLS       *tls.Config // nil: plain HTTP
	Hosts     []string    // names that requests may ask for, besides those that nobody else can own (hosts.go); nil: any
	Publisher Publisher
	Reader    Reader
	Feed      Feed

	Subscriptions Subscriptions

	Figures  func() Figures       // of the pipeline, the filter and the feed, for /stats
	Metrics  *prometheus.Registry // what /metrics shows; the server adds its own
	Log      *zap.Logger
	Instance string // prefix of request ids
}

// Server is the HTTP gate.
type Server struct {
	Config
	fast        *fasthttp.Server
	budget      budget
	connections atomic.Int64 // open now
	exports     atomic.Int64 // under way now
	reads       budget       // pages on their way to clients
	started     time.Time
	draining    atomic.Bool
	requests    atomic.Uint64  // for request ids
	rejected    atomic.Int64   // events refused as invalid since the start
	failures    *zap.Logger    // for answers of 5xx, except 503
	unserved    lineQuota      // of the log's lines about answers of 503
	refusals    lineQuota      // of those about events and keys that were refused, of holders of keys
	unkeyed     lineQuota      // likewise, of all others: they may be any number, and must not hide a holder
	inflaters   chan *inflater // one per core, since inflating waits for nothing
	lists       chan struct{}  // one slot: taken while all topics, or all subscriptions, are listed
	works       sync.Pool      // of *work
	turnedAway  atomic.Int64   // connections refused since the start

	handshakesFailed atomic.Int64 // of TLS, since the start
	routes           map[string]*route
	elsewhere        answers         // to requests that have no route
	serving          context.Context // ends when the server drains: streams do
	endStreams       context.CancelFunc

	mu       sync.Mutex // guards what is below
	listener *listener
	stopped  bool
}

// New makes a server; it listens nowhere until Serve.
func New(config Config) *Server {
	s := &Server{Config: config, started: time.Now(), inflaters: newInflaters(), lists: make(chan struct{}, 1)}
	s.failures = config.Log.WithOptions(zap.WrapCore(sampled))
	s.serving, s.endStreams = context.WithCancel(context.Background())
	s.budget.max, s.reads.max = config.Limits.BodiesInFlight, config.Limits.Reads
	s.routes = map[string]*route{
		"/":        {right: anyone, handlers: handlers{"GET": index(config.Keys != nil)}},
		"/publish": {right: toPublish, handlers: handlers{"POST": s.publish}},
		"/events":  {right: toRead, handlers: handlers{"GET": s.events}},
		"/stats":   {right: toWatch, handlers: handlers{"GET": s.stats}},
		"/metrics": {right: toWatch, handlers: handlers{"GET": s.metrics}},
		"/healthz": {right: anyone, handlers: handlers{"GET": s.healthz}},
		"/readyz":  {right: anyone, handlers: handlers{"GET": s.readyz}},

		"/events/{topic}/{event_id}": {right: toRead, handlers: handlers{"GET": s.event}},
		"/events/stream":             {right: toRead, handlers: handlers{"GET": s.follow}},

		"/subscriptions":               {right: toRead, handlers: handlers{"GET": s.subscriptions}},
		"/subscriptions/{name}":        {right: toRead, handlers: handlers{"PUT": s.subscribe, "DELETE": s.unsubscribe}},
		"/subscriptions/{name}/events": {right: toRead, handlers: handlers{"GET": s.subscriptionEvents}},
		"/subscriptions/{name}/commit": {right: toRead, handlers: handlers{"POST": s.commit}},

		"/openapi.json":              {right: anyone, handlers: handlers{"GET": openapi}},
		"/docs":                      {right: anyone, handlers: handlers{"GET": page(docsPage, docsPolicy)}},
		"/docs/docs.js":              {right: anyone, handlers: handlers{"GET": file(docsScript, scriptType)}},
		"/docs/live.js":              {right: anyone, handlers: handlers{"GET": file(liveScript, scriptType)}},
		"/docs/swagger-ui.css":       {right: anyone, handlers: handlers{"GET": zipped(swaggerStyle, styleType)}},
		"/docs/swagger-ui-bundle.js": {right: anyone, handlers: handlers{"GET": zipped(swaggerScript, scriptType)}},
	}
	s.register()
	s.fast = &fasthttp.Server{
		Handler:       s.serve,
		ErrorHandler:  s.unreadable,
		ExpectHandler: s.expect,
		Name:          "ingot",
		Logger:        fastLogger{config.Log},

		// The body is read by the handler, once it is paid for.
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		MaxRequestBodySize:           config.Limits.Body,
		ReadBufferSize:               config.Limits.Header,
		// The listener bounds the connections; this is larger because a worker is busy for a moment after its connection
		// is closed.
		Concurrency:           2 * config.Limits.Connections,
		ReadTimeout:           config.Limits.ReadTimeout,
		WriteTimeout:          config.Limits.WriteTimeout,
		IdleTimeout:           config.Limits.IdleTimeout,
		NoDefaultContentType:  true,
		SecureErrorLogMessage: true,
		CloseOnShutdown:       true,
	}
	return s
}
