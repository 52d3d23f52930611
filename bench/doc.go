// Command bench measures the whole: the real ingester, over HTTP, on a durable Postgres, against
// what the machine allows in the same minute.
//
//	bench list                   the scenarios (list.go)
//	bench run [SCENARIO..]       measure, print the table, write JSON and a report (run.go)
//	bench reads                  pages, keys and totals of 10 million rows, while more come (reads.go)
//	bench streams                from publisher to follower, with a thousand streams (streams.go)
//	bench limits                 measure only the limits (limits.go)
//	bench pair SCENARIO OLD NEW  two ingesters in turn: what a change is worth (pair.go)
//	bench compare OLD NEW        did it get better or worse, or is it noise? (compare.go)
//	bench report RESULT          the JSON of a run as one HTML file (report.go)
//
// Some terms: a scenario is a line in the table of what is measured. A run measures scenarios, each in rounds. A round sets up
// a database and ingesters, warms up, and measures in a window. A limit, measured before and after each round, is either what
// no ingester can beat on this machine, such as a raw COPY of the same rows or a server that stores nothing, or what a plain
// one reaches, with one INSERT per request. A figure divided by its limit is a ratio.
//
//	run.go  pair.go  reads.go  streams.go      package main: one file per command; flags (flags.go), the command line (main.go);
//	   │                                       what is printed, and where the result goes
//	   ├── internal/scenario      the table
//	   ├── internal/environment   what all rounds share, in one data folder; progress, what the user is told meanwhile
//	   ▼
//	internal/measure              what a command measures; for run: limit, round, limit, round, .. limit
//	   ├── internal/postgres      databases, and the rows in them; slowpg, a Postgres whose commits are slow
//	   ├── internal/server        ingesters and the servers of limits, as processes
//	   ├── internal/limit         how limits are measured
//	   ├── internal/load          the load generator, closed and open loop; mix, the events it sends
//	   ├── internal/monitor       processor time, memory, /stats
//	   └── internal/truth         compares the rows with the answers
//	   ▼
//	internal/result               every round of it, as JSON; ratios, table, comparison; statistics, its arithmetic
//	internal/report               the HTML file
//
// bench reads and bench streams set up as a round does, and have clients of their own, internal/reads and internal/streams.
// bench pair keeps two ingesters up and loads them in turn, without limits, and starts both anew several times.
//
// Which file answers which question:
//
//	what is measured, and against which limit?     internal/scenario/table.go
//	where is Postgres started?                     internal/postgres/cluster.go, for internal/environment/environment.go
//	where is an ingester started?                  internal/server/server.go, for internal/measure/setup.go
//	where do the rows of a full table come from?   internal/measure/database.go, with internal/postgres/fill.go
//	where is a round measured?                     internal/measure/round.go
//	where is a limit measured?                     internal/measure/limit.go, with internal/limit
//	where does the load come from?                 internal/load/closed.go and internal/load/open.go
//	where does a ratio come from?                  internal/result/ratio.go
//	where is a figure called BROKEN?               internal/result/broken.go, by internal/truth/check.go
//	where is a result better, worse or noise?      internal/result/compare.go, by internal/statistics/differ.go
//	which reads are measured, with which goals?    internal/reads/kinds.go
//	when has a stream missed an event?             internal/streams/stream.go
//
// profiles.go says where profiles go, and limitserver.go has a hidden command: the servers of three limits.
//
// Machines drift by a factor of two within minutes. So the limit of a round is measured before and
// after it, a ratio is taken per round, and the median over the rounds and their spread are shown.
// Compare yesterday's figures by their ratios.
//
// In every round the rows of the table are compared with the answers (package truth); a scenario
// whose truth does not hold has no figure, and the exit code is 1. After Ctrl-C it is 130, and for
// a wrong command line 2.
package main
