// Command publisher sends events to an Ingot server, checks what became of them, and follows the
// feed.
//
//	simulate.go   invented events            replay.go    files
//	   │            (internal/workload)         │  file.go    opens them, names their topics
//	   │                                        │  whole.go   each must stay whole meanwhile; if they are too many to be
//	   │                                        │             open at once, the later ones are opened in turn
//	   │                                        │  pipe.go    reads that an interrupt ends
//	   │                                        │  internal/content   decompresses them, and recognises lists of events
//	   │                                        │  internal/lines     cuts them into lines, also while they grow
//	   │                                        │  internal/record    lines ──> events
//	   │                                        │  intake.go  files ──> records; counts.go, how many of each kind
//	   │                                        │  batches.go makes batches, by number, bytes and time
//	   │                                        │  memory.go  digests of what must come back
//	   ▼                                        ▼
//	send.go       deal ──> clients ──> client.Publish ──> tally
//	   │           one       many   what is refused as a whole is sent again in halves
//	   ▼
//	audit.go      every acknowledged event, read back and compared
//	   │
//	   ▼
//	report.go replay_report.go   the outcome, as a table or as JSON, on stdout
//
//	follow.go     client.Follower ──> follow_event.go ──> follow_screen.go ──> stdout
//	              a stream, or by        a line for people,   the live line is
//	              follow_consume.go      or the object        below, on stderr
//	              a subscription
//	                                     follow_pace.go  rate and percentiles
//	                                     follow_report.go  the summary, and what to type next
//
//	main.go         the command line
//	flags.go        the checks of flags that all subcommands share
//	meter.go        progress, on stderr
//	asyncwriter.go  writes to stderr and stdout, so that nobody waits for their reader
//
// The exit code is 0 when all is well, 1 when an event was not acknowledged or the audit found
// something, 2 for a wrong command line and 130 after an interrupt (also SIGTERM, and SIGHUP from a
// terminal that closes); a second interrupt ends the program at once. For replay --follow, once it
// has reached its server, an interrupt is the normal end: what it has read is settled and audited
// first. It is the normal end of follow, too, with 0; a final refusal ends that with 1.
package main
