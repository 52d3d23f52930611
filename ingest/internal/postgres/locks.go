package postgres

// The advisory locks, the same numbers for all processes that use a database: "ingot" in ASCII, and a count. Each lock ends
// with its transaction. Only two kinds of transaction take two of them: a pruner's takes PruneLock and then LogLock, and a
// migration's may take LogLock after migrationLock.
const (
	// migrationLock keeps processes that start together from creating the schema twice (CREATE .. IF NOT EXISTS fails
	// under concurrency).
	migrationLock = 0x696e676f74_01

	// LogLock makes commit_seq the order in which batches become visible. A fold and a step of retention hold it too.
	// migrations/007_fold.sql has its number in its text.
	LogLock = 0x696e676f74_02

	// CreationLock is held while subscriptions are counted and one is made.
	CreationLock = 0x696e676f74_03

	// PruneLock is held by the one pruner that is at work.
	PruneLock = 0x696e676f74_04
)
