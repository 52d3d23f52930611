// Package torture runs the real binaries against a real Postgres, hurts them, and
// holds what is left against what was promised. It holds tests, and below internal/
// what they hurt the binaries with; it is to become the full fault-injection harness
// (networks that break, disks that fill, standbys, a history checked by a model). What
// exists now:
//
//	main_test.go      builds ingest and publisher once, for all tests
//	process_test.go   one process: start, signal, kill -9, wait
//	ingester_test.go  an ingest that answers, its figures, its restart
//	database_test.go  data folders, and what SQL says about them
//	client_test.go    requests, and a ledger of what became of each
//
//	start_test.go     starts that cannot work say so in one line
//	stop_test.go      a stop answers every waiter before the database goes
//	signals_test.go   Ctrl-C on a terminal, a second signal, a drain that takes too long
//	down_test.go      the database gone, hung, full, out of connections, and back
//	pair_test.go      a primary and its synchronous standby
//	standby_test.go   the standby away, and a failover
//	crash_test.go     kill -9 of the ingester and of Postgres, under load
//	full_test.go      a full queue refuses at once
//	overload_test.go  ten times what the database takes: memory, answers, truth
//	proxy_test.go     an ingester between two proxies, which know it
//
//	internal/pgproxy  faults between ingester and Postgres, at a chosen message
//	internal/netproxy faults between clients and ingester, at a byte
//	internal/door     what the two have in common
//
// Faults come at moments of progress, drawn from a seed that is printed, never
// after a time. Each test takes the machine for itself: none is parallel.
//
//	INGOT_LONG=1        the overload tests run for 60 s, and with the default limits
//	INGOT_BUILD_RACE=1  the binaries are built with the race detector (memory is
//	                    not judged then)
package torture
