// Package postgres has the connections to the database, and its schema: what writing,
// reading and deleting have in common. pgx lives only here and in the packages below.
//
//	writer        merges batches of events, and resolves what is in doubt
//	reader        reads them back: pages, totals, subscriptions
//	retention     deletes the oldest
//	postgrestest  how tests of these begin and end
//
// Each of them imports this package and none of the others. Package main brings the schema
// up to date (Open), logs what a commit is worth here (Durability), and hands the
// Writer to the pipeline and Readers to the HTTP gate and the feed. Nothing is owned here:
// whoever opens a connection or a pool closes it.
//
//	url.go                       what a database URL says, and what it may not
//	connect.go pool.go dial*.go  opens a connection, or a pool, and notices when it is dead
//	peer.go                      whether the server behind a unix socket is whose it has to be
//	encryption.go                whether it is encrypted, and whether it leaves the machine
//	pooler.go                    whether a pooler in front of Postgres keeps sessions
//	startup.go                   its first bytes: the message of a server that cannot fork
//	sockets.go                   closes a pool, even if the server hangs
//	errors.go                    which errors may pass, and which mean a missing right, or the brake
//	durability.go                what a COMMIT is worth here
//	tables.go                    what somebody has done to the tables
//	migrate.go migrations/       the schema, brought up to date
//	verify.go                    whether the tables agree
//
// What all of them have to agree on:
//
//	locks.go                     the advisory locks
//	blocks.go                    the block and the slice of an id
//	topics.go                    where the counts of topics are kept
//	times.go                     how long a connection lives, what is too young to be deleted
package postgres
