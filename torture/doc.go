// Package torture runs the real binaries against a real Postgres, hurts them, and checks what is
// left against what was promised. It contains only tests.
//
// What they stand on:
//
//	main_test.go      builds ingest and publisher once, for all tests
//	process_test.go   one process: start, signal, kill -9, wait
//	ingester_test.go  an ingester that answers, its figures, its restart
//	database_test.go  data folders, and the Postgres in them
//	pair_test.go      a primary and its synchronous standby
//	disk_test.go mount_linux_test.go mount_other_test.go  a small file system in memory, which can be full
//	client_test.go    a request and its answer
//	ledger_test.go    many requests, and what became of each
//
// Starts and stops:
//
//	start_test.go     starts that cannot work, and say so in one line
//	stop_test.go      a stop, which answers every waiter before the database goes
//	signals_test.go   a second signal, a drain that takes too long
//	terminal_linux_test.go  Ctrl-C on a terminal
//	crash_test.go     kill -9 of the ingester and of Postgres, under load
//
// A database that does not answer, or not everybody:
//
//	down_test.go      gone, hanging, full, out of connections, and back
//	standby_test.go   the standby away, and a failover
//	locked_test.go    a table that somebody has locked
//
// More than it can take:
//
//	full_test.go      a full queue, which refuses at once
//	overload_test.go  ten times what the database takes: memory, answers, truth
//	descriptors_test.go  fewer descriptors than clients
//
// Every way to write:
//
//	history_test.go   one history under every filter and on every path
//	poison_test.go    what Postgres refuses when the decoder accepts it
//	proxy_test.go     every point of pgproxy, met by a real ingester
//
// The feed, and who follows it:
//
//	feed_test.go      followers, who miss nothing, whatever is restarted
//	follower_test.go  these followers, and one that goes by id
//	round_test.go     what they do: pages, streams, subscriptions
//	block_test.go     what a stream consists of
//	stalled_test.go   streams that stop reading, beside many that do not
//	restore_test.go   places in a history that a restore has sent another way
//	restored_test.go  who holds those places, and where they lead
//	copy_test.go      the ways of copying a database
//	follow_test.go    what publisher follow prints, whatever is killed
//	export_test.go    exports, which can be published again
//
// The storm has all faults in one run, from one seed: ingesters on one Postgres, clients and readers
// that never stop, faults one after the other, and an oracle.
//
//	storm_test.go           which seeds, and how to repeat one
//	storm_run_test.go       one seed from start to end
//	storm_database_test.go  its Postgres: killed, read
//	storm_ingester_test.go  its ingesters, each between two proxies
//	storm_strike_test.go    one fault, from its moment to its end
//	storm_gate_test.go      how far the clients may go: the storm's clock
//	storm_client_test.go    clients, which retry as real ones do
//	storm_reader_test.go    readers of the feed: pages
//	storm_stream_test.go    streams, which hang up and resume
//	storm_subscription_test.go  subscriptions, whose consumers crash
//	storm_schedule_test.go  which faults, in which order; SQLSTATEs
//	storm_process_test.go   faults of processes and of the disk
//	storm_network_test.go   faults on the way to Postgres and to clients
//	storm_crowd_test.go     faults that bring clients of their own: a crowd, a held key, what Postgres refuses or fails at
//	storm_heal_test.go      requests outside the plan: to warm up, to see that all is well again
//	storm_check_test.go     what is compared with what, and when
//	storm_figures_test.go   goroutines, descriptors, memory, logs, the filter
//	storm_report_test.go    the table at the end, and what has to be in it
//	storm_self_test.go      what the storm itself could get wrong
//	mutants_test.go         the storm against ingesters that are broken on purpose
//
//	internal/oracle    what was asked, what was told and what is there; the rules between them
//	internal/traffic   seeded requests, and clients that never send twice of their own accord
//	internal/pgproxy   breaks what passes between an ingester and Postgres, at a chosen message
//	internal/netproxy  swallows answers on their way to clients (both stand on ingot/internal/door)
//	internal/mutant    ingesters that are broken on purpose, and one whose decoder is lax
//
// Faults come at moments of progress, never after a time; these are drawn from a seed, which is
// printed. Each test with an ingester has the machine to itself: none is parallel.
//
//	-storm.seeds=1,2,3  whole storms with these seeds; none given: one short storm
//	-storm.minutes=N    fresh seeds for so many minutes
//	-storm.scale=F      this share of a seed's faults and requests
//	-storm.keep=FOLDER  where the history of a failed seed is kept
//	-ingest=PATH        the ingester to torture, instead of one that is built here
//	INGOT_LONG=1        the overload tests run for 60 s, and with the default limits
//	INGOT_BUILD_RACE=1  the binaries are built with the race detector (memory is
//	                    not checked then)
package torture
