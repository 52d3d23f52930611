// Package localpg runs a private Postgres: one server, on a unix socket only, in a folder of its
// own, for anyone who has Postgres installed but no server to point DATABASE_URL at.
//
// The ingester starts it when DATABASE_URL is not set; tests start it through pgtest; the bench and
// the crash tests start it to kill it. Start makes the data folder if there is none and returns
// when the server answers; Stop ends it. In between the package owns:
//
//	<data>/lock           held (flock) while a Server exists: one owner per folder
//	<data>/<major>/       the cluster itself, never upgraded silently
//	<data>/postgres.log   the server's log; at a start it is moved to postgres.log.1 if it has grown
//	/tmp/ingot-<hash>/    the socket; the hash of the data folder keeps the path short and stable
//
// # Where to find what
//
//	server.go      Start, and the Server; stop.go ends it, supervise.go brings it back
//	options.go     what its caller may choose
//	cluster.go     one set of data, and a start of a server on it:
//	  initdb.go      how the data are made
//	  takeover.go    an older server that is still there
//	  settings.go socket.go serverlog.go   its settings, its socket, its log
//	home.go        which folder it is; lock.go, who has it; owner.go, who runs the server
//	find.go        which Postgres; fetched.go, where getpostgres puts one; hint.go, what to type
//	os_linux.go os_other.go   what the system knows about processes and memory
//	discard.go     a folder taken away, for tests
//
// # Who stops what
//
// One goroutine per postmaster starts it and waits for it; it ends when the postmaster does, and
// Stop, Kill and Restart wait for that. The postmaster
//
//   - is in a process group of its own, so that Ctrl-C reaches only the ingester, which drains
//     before it stops the database;
//   - gets SIGINT from the kernel when the process that started it dies (Linux), so that kill -9
//     leaves no orphan; the next Start waits until that old server is gone;
//   - is started again by Supervise when it dies by itself, on the same socket, so that a URL once
//     given out stays good until Stop.
//
// Postgres refuses to run as root. Started by root, the server runs as the user that the data
// belong to, else as postgres, else as nobody; the data go where that user can get in (see
// Server.Notice).
package localpg
