package postgres

// The advisory locks, one number for all processes that use a database: "ingot" in ASCII, and a count. Each ends with its
// transaction. No transaction takes two of them but a pruner's, which takes pruneLock and then logLock, and a migration's,
// which may take logLock as well.
const (
	// migrationLock keeps processes that start together from creating the schema twice (CREATE .. IF NOT EXISTS fails
	// under concurrency).
	migrationLock = 0x696e676f74_01

	// logLock makes commit_seq the order in which batches become visible. A fold and a step of retention hold it too.
	// Migrations have its number in their text.
	logLock = 0x696e676f74_02

	// creationLock is held while subscriptions are counted and one is made.
	creationLock = 0x696e676f74_03

	// pruneLock is held by the one pruner that is at work.
	pruneLock = 0x696e676f74_04
)
