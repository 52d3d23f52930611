package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/metrics"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// QueueStats are the pipeline's figures in /stats; openapi.json says what each is.
type QueueStats struct {
	QueuedEvents       int   `json:"queued_events"`
	QueuedBytes        int64 `json:"queued_bytes"`
	Batches            int64 `json:"batches"`
	LastBatch          int   `json:"last_batch_events"`
	FailedAttempts     int64 `json:"failed_attempts"`
	FailedBatches      int64 `json:"failed_batches"`
	Refused            int64 `json:"refused_events"`
	Expired            int64 `json:"expired_requests"`
	Splits             int64 `json:"split_batches"`
	Parked             int64 `json:"parked_requests"`
	DecoderMisses      int64 `json:"decoder_misses"`
	ConstraintRefusals int64 `json:"constraint_refusals"`
	Unexplained        int64 `json:"unexplained_requests"`
	Lingered           int64 `json:"lingered_batches"`
}

// FilterStats are the Bloom filter's figures in /stats; openapi.json says what each is.
type FilterStats struct {
	Hits             int64   `json:"hits"`
	FalsePositives   int64   `json:"false_positives"`
	LearntInVain     int64   `json:"learnt_in_vain"`
	MissedDuplicates int64   `json:"missed_duplicates"`
	Keys             int64   `json:"keys"`
	Rotations        int64   `json:"rotations"`
	Fill             float64 `json:"fill"`
	Bytes            int64   `json:"bytes"`
}

// FeedStats are the figures of those who follow the feed, in /stats. The server fills in its exports.
type FeedStats struct {
	Streams    int   `json:"streams"` // and long polls
	CatchingUp int   `json:"catching_up"`
	MaxStreams int   `json:"max_streams"`
	Exports    int64 `json:"exports"`
	MaxExports int   `json:"max_exports"`
}

// Figures are what /stats shows of other packages' work in this process.
type Figures struct {
	Queue  QueueStats  `json:"queue"`
	Filter FilterStats `json:"filter"`
	Feed   FeedStats   `json:"feed"`
}

// statsAnswer is the body of GET /stats. The first three and topics are totals of all committed batches of all
// instances, exact after any crash. Rejected and all others are figures of this process since its start.
type statsAnswer struct {
	Received         int64            `json:"received"`
	UniqueProcessed  int64            `json:"unique_processed"`
	DuplicateDropped int64            `json:"duplicate_dropped"`
	Rejected         int64            `json:"rejected"`
	Topics           map[string]int64 `json:"topics"`
	UptimeSeconds    float64          `json:"uptime_seconds"`
	BodiesInFlight   int64            `json:"bodies_in_flight_bytes"`
	Figures
	Mallocs uint64 `json:"mallocs_total"`
}

func (s *Server) stats(ctx *fasthttp.RequestCtx) error {
	most, err := topicsWanted(ctx.QueryArgs())
	if err != nil {
		return &refusal{problemBadParameter, err.Error()}
	}
	bounded, cancel := s.bounded()
	defer cancel()
	if most == allTopics {
		done, err := s.listing(bounded) // the list of a million topics takes some 150 MB
		if err != nil {
			return err
		}
		defer done()
	}
	totals, err := s.Reader.Totals(bounded, most, max(s.Limits.Reads, answerKept))
	if errors.Is(err, event.ErrTooManyTopics) {
		return &refusal{problemReads, "the list of all topics is larger than an answer may be (--max-reads-in-flight); ask for the largest topics with topics=N"}
	}
	if err != nil {
		return readError(err)
	}
	if totals.Topics == nil {
		totals.Topics = map[string]int64{} // an object all the same
	}
	figures := s.Figures()
	figures.Feed.Exports, figures.Feed.MaxExports = s.exports.Load(), s.Limits.Exports
	body, err := json.Marshal(statsAnswer{
		Received:         totals.Received,
		UniqueProcessed:  totals.Stored,
		DuplicateDropped: totals.Received - totals.Stored,
		Rejected:         s.rejected.Load(),
		Topics:           totals.Topics,
		UptimeSeconds:    time.Since(s.started).Round(time.Millisecond).Seconds(),
		BodiesInFlight:   s.budget.used.Load(),
		Figures:          figures,
		Mallocs:          mallocs(),
	})
	if err != nil {
		return err
	}
	return s.respondList(ctx, body)
}

const (
	allTopics = -1

	// maxTopicsWanted bounds the list of topics that is made without waiting for a turn. A guess.
	maxTopicsWanted = 1000
)

// topicsWanted is how many topics /stats is to list. Other parameters of /stats are ignored, as they always were.
func topicsWanted(args *fasthttp.Args) (int, error) {
	if !args.Has("topics") {
		return allTopics, nil
	}
	if len(args.PeekMulti("topics")) > 1 {
		return 0, errors.New("topics is given more than once")
	}
	most, err := strconv.Atoi(string(args.Peek("topics")))
	if err != nil || most < 0 || most > maxTopicsWanted {
		return 0, fmt.Errorf("topics must be a number from 0 to %d", maxTopicsWanted)
	}
	return most, nil
}

// mallocs is how many objects the process has put on the heap.
func mallocs() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
