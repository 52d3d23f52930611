// Package pgtest gives tests a real Postgres: to each test a database of its own, to each test
// binary one throw-away cluster with fsync off, and to crash tests a durable server that they may
// kill.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestMerge(t *testing.T) {
//		t.Parallel()
//		url := pgtest.New(t)                        // an empty database
//		url := pgtest.NewFrom(t, "schema", migrate) // a copy of one that migrate has filled
//		srv := pgtest.Durable(t)                    // a cluster, to be killed
//	}
//
//	main.go     Main, which stops the cluster and looks for leaked goroutines
//	pgtest.go   New, NewFrom, Durable
//	cluster.go  the cluster that the databases of a test binary share
//	folder.go   its folder, and the folders that killed runs have left behind
//	look.go     connections with which tests look behind what they test
//	pooler.go   a pooler in front of a database, which keeps sessions or moves them
//
// The cluster starts with the first New and stops after the last test, in Main; if the test binary
// is killed, the kernel stops the server (see localpg) and a later run removes the folder. Without
// Postgres on the machine tests are skipped, unless INGOT_REQUIRE_POSTGRES=1 asks for a failure.
package pgtest
