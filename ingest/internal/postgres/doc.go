// Package postgres is how the database is reached, and its schema: what writing, reading
// and deleting have in common. pgx lives only here and in the packages below.
//
//	writer        merges batches of events, and resolves what is in doubt
//	reader        reads them back: pages, totals, subscriptions
//	retention     deletes the oldest
//	postgrestest  what their tests begin and end with
//
// Each of them imports this package and none of the others. Package main has the schema
// brought up to date (Open), tells what a commit is worth here (Durability), and hands the
// Writer to the pipeline and Readers to the HTTP gate and the feed. Nothing is owned here:
// who opens a connection or a pool closes it.
//
//	connect.go pool.go dial*.go  how a connection is opened, or a pool, and noticed when it is dead
//	startup.go                   its first bytes: the words of a server that cannot fork
//	sockets.go                   how a pool is ended, also where the server stands still
//	errors.go                    which errors may pass, and which want a right
//	durability.go                what a COMMIT is worth here
//	tables.go                    what somebody has done to the tables
//	migrate.go migrations/       the schema, brought up to date
//	verify.go                    whether the tables agree
//
// What all have to agree on:
//
//	locks.go                     the advisory locks
//	blocks.go                    what an id tells: its block, its slice
//	topics.go                    where the counts of topics stand
//	times.go                     how long a connection lives, what is too young to be deleted
package postgres
