// Command bench measures the whole: the real ingester, over HTTP, on a durable
// Postgres, against what the machine allows in the same minute.
//
//	bench list                   the scenarios (list.go)
//	bench run [SCENARIO..]       measure, print the table, write JSON and a report (run.go)
//	bench reads                  pages, keys and totals of 10 million rows, while more come (reads.go)
//	bench streams                from publisher to follower, with a thousand streams (streams.go)
//	bench limits                 measure the limits alone (limits.go)
//	bench pair SCENARIO OLD NEW  two ingesters in turn: what a change is worth (pair.go)
//	bench compare OLD NEW        did it get better or worse, or is it noise? (compare.go)
//	bench report RESULT          the JSON of a run as one HTML file (report.go)
//
// A limit is what no ingester can beat on this machine, as a raw COPY of the same rows or a
// server that stores nothing, or what a plain one reaches, with one INSERT for each request
// (internal/limit).
//
// A run, in the order of the files:
//
//	run.go          flags, then one scenario after another; resumes where it was cut
//	   │
//	internal/scenario    the table of what is measured, and against which limit
//	   │
//	stage.go        a scenario on stage: limit, round, limit, round, .. limit
//	   │  ├── meters.go    the limits a scenario is held against
//	   │  └── round.go     load, watch, truth check
//	   │        ├── setup.go   fresh database, ingesters
//	   │        ├── kept.go    or a copy of a table that is full, if room.go finds room for it
//	   │        ├── settle.go  in the state of one in use
//	   │        └── rise.go    the open loop: rates up to where they are not kept up with
//	   ▼
//	internal/result      every round of it, as JSON; table, comparison
//	internal/report      the report
//
// reads.go and streams.go set up the same way, and have readers of their own; pair.go keeps two
// ingesters up and loads them in turn, without limits. Beside them:
//
//	main.go         the command line; flags.go refuses what there is nothing to measure with
//	house.go        what all scenarios share, in one folder
//	lock.go         keeps another bench out of that folder
//	logs.go         makes room in it
//	machine.go      where the scenarios ran
//	progress.go     what is said meanwhile
//	profile.go      where the processor time went
//	compare.go      two results against each other; once.go, of scenarios that were measured once
//	limitserver.go  hidden subcommands: the servers of three limits
//
// Machines drift by a factor of two within minutes. So each run stands between two
// runs of its limit, a ratio is taken per round, and the median over the rounds and
// their spread are what is shown. A figure of yesterday is compared by its ratio.
//
// In every round the rows of the table are held against the answers (package
// truth); a scenario whose truth does not hold has no figure, and the exit code is
// 1. After Ctrl-C it is 130; 2 is for a wrong command line.
package main
