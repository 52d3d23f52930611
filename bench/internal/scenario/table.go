package scenario

import (
	"slices"
	"time"

	"ingot/bench/internal/mix"
	"ingot/bench/internal/result"
)

// BaseRows is what "a full table" means, unless --rows says otherwise. It is loaded
// once per kind of ids.
const BaseRows = 20_000_000

// readerRows is how many rows the table has on which readers are measured, and on which it is measured what their indexes
// cost.
const readerRows = 10_000_000

// FullTableWindow is the window of measurement of scenarios on a full table. Their speed goes up and down with what is written
// back to disk meanwhile.
const FullTableWindow = 5 * time.Second

// All is the table of everything that is measured. The goals are what the
// project set out to reach on two cores for client, ingester and Postgres
// together.
func All() []Scenario {
	usual := mix.Mix{Duplicates: 0.30}
	uuid7 := mix.Mix{IDs: mix.UUIDv7, Duplicates: 0.30}
	staged := []string{"--write-path=staged"}
	return slices.Concat([]Scenario{
		{Name: "single-64", Set: Quick, About: "single events, 64 connections", Mix: usual, Connections: 64, Against: against(atLeast(LimitNothing, 0.33), atLeast(LimitNaive, 3), beside(LimitBare))},
		{Name: "single-256", Set: Quick, About: "single events, 256 connections", Mix: usual, Connections: 256, Against: against(atLeast(LimitNothing, 0.45), atLeast(LimitNaive, 3.3), beside(LimitBare))},
		{Name: "single-1024", Set: Full, About: "single events, 1,024 connections", Mix: usual, Connections: 1024, Against: against(beside(LimitNothing), beside(LimitNaive))},
		{Name: "array-100", Set: Quick, About: "arrays of 100, 8 connections", Mix: usual, Connections: 8, Array: 100, Against: against(atLeast(LimitCopy, 0.65))},
		{Name: "array-1000", Set: Quick, About: "arrays of 1,000, 4 connections", Mix: usual, Connections: 4, Array: 1000, Against: against(atLeast(LimitCopy, 0.80))},

		{Name: "open-1000", Set: Full, About: "single events, 1,000 a second", Mix: usual, Rates: []int{1000}, Against: inCommits(0, 0)},
		{Name: "open-5000", Set: Quick, About: "single events, 5,000 a second", Mix: usual, Rates: []int{5000}, Against: inCommits(5, 25)},
		{Name: "open-10000", Set: Full, About: "single events, 10,000 a second", Mix: usual, Rates: []int{10_000}, Against: inCommits(0, 0)},
		{Name: "open-knee", Set: Full, About: "single events, rising until it no longer keeps up", Mix: usual, Rates: ramp(2000, 40_000)},

		{Name: "dups-0", Set: Full, About: "arrays of 1,000, no duplicates", Connections: 4, Array: 1000, Against: against(beside(LimitCopy))},
		{Name: "dups-90", Set: Full, About: "arrays of 1,000, 90 % duplicates", Mix: mix.Mix{Duplicates: 0.90}, Connections: 4, Array: 1000, Against: against(atLeast("array-1000", 2))},
		{Name: "dups-cold", Set: Full, About: "arrays of 1,000, 90 % duplicates, after a restart", Mix: mix.Mix{Duplicates: 0.90}, Known: mix.DefaultWindow, Connections: 4, Array: 1000, Against: against(beside("dups-90"))},
		{Name: "replay", Set: Full, About: "arrays of 1,000, known events alone, after a restart", Mix: mix.Mix{Duplicates: 1}, Known: mix.DefaultWindow, Connections: 4, Array: 1000, Against: against(atLeast("dups-90", 1))},

		{Name: "ids-uuid7", Set: Full, About: "arrays of 1,000, ids UUIDv7", Mix: uuid7, Connections: 4, Array: 1000, Against: against(beside(LimitCopy))},
		{Name: "ids-text", Set: Full, About: "arrays of 1,000, ids are text of 21 to 60 bytes", Mix: mix.Mix{IDs: mix.Text, Duplicates: 0.30}, Connections: 4, Array: 1000, Against: against(beside(LimitCopy))},

		{Name: "payload-100", Set: Full, About: "arrays of 100, payloads of 100 B", Mix: payload(100), Connections: 8, Array: 100, Against: against(beside(LimitCopy))},
		{Name: "payload-1k", Set: Full, About: "arrays of 100, payloads of 1 KB", Mix: payload(1 << 10), Connections: 8, Array: 100, Against: against(beside(LimitCopy))},
		{Name: "payload-16k", Set: Full, About: "arrays of 100, payloads of 16 KB", Mix: payload(16 << 10), Connections: 8, Array: 100, Against: against(beside(LimitCopy))},
		{Name: PayloadFile, Set: Full, About: "arrays of 100, payloads from --payloads", Mix: usual, Connections: 8, Array: 100, Against: against(beside(LimitCopy))},

		{Name: "ingesters-2", Set: Full, About: "2 ingesters, duplicates crossing", Mix: usual, Ingesters: 2, Connections: 8, Array: 100, Against: against(beside("array-100"))},
		{Name: "ingesters-4", Set: Full, About: "4 ingesters, duplicates crossing", Mix: usual, Ingesters: 4, Connections: 8, Array: 100, Against: against(beside("array-100"))},
		{Name: "staged-100", Set: Full, About: "array-100 on the staged path alone", Mix: usual, Connections: 8, Array: 100, Flags: staged, Against: against(atLeast(LimitCopy, 0.42))},
		{Name: "staged-1000", Set: Full, About: "array-1000 on the staged path alone", Mix: usual, Connections: 4, Array: 1000, Flags: staged, Against: against(atLeast(LimitCopy, 0.55))},
		{Name: "staged-ingesters-4", Set: Full, About: "4 ingesters on the staged path alone", Mix: usual, Ingesters: 4, Connections: 8, Array: 100, Flags: staged, Against: against(atLeast("staged-100", 0.90))},

		{Name: "rows-uuid4", Set: Full, About: "a table that is full, ids UUIDv4", Mix: usual, Base: BaseRows, Lasts: FullTableWindow, Connections: 4, Array: 1000, Against: against(atLeast("array-1000", 0.70), beside(LimitCopy), beside(LimitPour))},
		{Name: "rows-uuid7", Set: Full, About: "a table that is full, ids UUIDv7", Mix: uuid7, Base: BaseRows, Lasts: FullTableWindow, Connections: 4, Array: 1000, Against: against(atLeast("ids-uuid7", 0.90), beside(LimitCopy), beside(LimitPour))},
	}, slowScenarios(usual), indexScenarios())
}

// SQL (Scenario.Alter) that drops, replaces or changes the index that only readers need.
const (
	noSlices     = "DROP INDEX ingot.events_slices;"
	topicID      = noSlices + "CREATE INDEX ON ingot.events (topic, id);"
	oneKey       = noSlices + "CREATE INDEX ON ingot.events USING gin ((ARRAY[hashtextextended(topic, id >> 16)])) WITH (gin_pending_list_limit = 256);"
	byTopicSlice = noSlices + "CREATE INDEX ON ingot.events USING gin ((ARRAY[id >> 13, hashtextextended(topic, id >> 13)])) WITH (gin_pending_list_limit = 128);"
	largeList    = "ALTER INDEX ingot.events_slices SET (gin_pending_list_limit = 4096);"
)

// indexScenarios tell what the readers' index costs writers, and what other indexes would cost, against the primary key
// alone. There are many topics, since that is where such an index matters.
func indexScenarios() (all []Scenario) {
	m := mix.Mix{Topics: 1000, Duplicates: 0.30}
	for _, load := range []Scenario{
		{Name: "1000", About: "arrays of 1,000", Mix: m, Connections: 4, Array: 1000},
		{Name: "100", About: "arrays of 100", Mix: m, Connections: 8, Array: 100},
		{Name: "256", About: "single events, 256 connections", Mix: m, Connections: 256},
	} {
		key := "index-none-" + load.Name
		add := func(name, about, alter string, against ...result.Ratio) {
			s := load
			s.Set, s.Name, s.About, s.Alter, s.Against = Named, name+"-"+load.Name, load.About+", 1,000 topics, "+about, alter, against
			all = append(all, s)
		}
		add("index-none", "the primary key alone", noSlices)
		add("index-all", "all indexes", "", atLeast(key, 0.80))
		load.Base, load.Lasts, key = readerRows, FullTableWindow, "index-none-10m-"+load.Name
		add("index-none-10m", "10 million rows, the primary key alone", noSlices)
		add("index-all-10m", "10 million rows, all indexes", "", atLeast(key, 0.80))
		add("index-topic-10m", "10 million rows, (topic, id) for readers", topicID, beside(key))
		add("index-one-10m", "10 million rows, without the slices of all topics", oneKey, beside(key))
		add("index-slice-10m", "10 million rows, topics in slices, a list of 128 kB", byTopicSlice, beside(key))
		add("index-large-10m", "10 million rows, a list of 4 MB", largeList, beside(key))
	}
	return all
}

// slowScenarios have a database that is slow to commit, or busy with readers.
func slowScenarios(usual mix.Mix) []Scenario {
	return []Scenario{
		{Name: "commit-2ms", Set: Full, About: "single events, 256 connections, a commit takes 2 ms more", Mix: usual, Connections: 256, CommitDelay: 2 * time.Millisecond, Against: against(beside(LimitCommit))},
		{Name: "commit-5ms", Set: Full, About: "single events, 256 connections, a commit takes 5 ms more", Mix: usual, Connections: 256, CommitDelay: 5 * time.Millisecond, Against: against(atLeast(LimitCommit, 200))},
		{Name: "readers", Set: Full, About: "arrays of 100 with 4 readers beside", Mix: usual, Connections: 8, Array: 100, Readers: 4, Against: against(beside("array-100"))},

		// A commit of 100 ms and batches of 1,000 make 10,000 events a second at best;
		// ten times as many are offered, for long enough to fill the queue.
		{
			Name: "overload", Set: Full, About: "10 times what a slowed database takes, arrays of 100", Mix: usual,
			Rates: []int{1000}, Array: 100, Lasts: 10 * time.Second,
			CommitDelay: 100 * time.Millisecond, Flags: []string{"--batch-events=1000"},
		},
	}
}

func against(ratios ...result.Ratio) []result.Ratio { return ratios }

func atLeast(limit string, goal float64) result.Ratio {
	return result.Ratio{Figure: result.Events, Limit: limit, Goal: goal}
}

// beside shows a ratio without a goal.
func beside(limit string) result.Ratio { return atLeast(limit, 0) }

// inCommits holds latencies against the time of a commit: at most so many.
func inCommits(p50, p99 float64) []result.Ratio {
	return against(result.Ratio{Figure: result.P50, Limit: LimitCommit, Goal: p50}, result.Ratio{Figure: result.P99, Limit: LimitCommit, Goal: p99})
}

func payload(bytes int) mix.Mix { return mix.Mix{Payload: bytes, Duplicates: 0.30} }

// ramp are rates from one to another, a quarter more each.
func ramp(from, to int) (rates []int) {
	for rate := from; rate <= to; rate += rate / 4 {
		rates = append(rates, rate)
	}
	return rates
}

// PayloadFile is the scenario that --payloads gives its file to.
const PayloadFile = "payload-file"

// Find returns the scenario of a name.
func Find(name string) (Scenario, bool) {
	for _, s := range All() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}
