// Package door is what the proxies of the torture tests and of the bench have in common: a listener on
// a free port of 127.0.0.1, the moods that hold for all connections, and faults that wait for their
// moment. Each of them (pgproxy, netproxy, slowpg) defines what a connection does.
//
//	Pass       connections are served
//	Delay      the same, but slowly: the proxy says what waits
//	BlackHole  sockets are kept and nothing moves in either direction, as when
//	           packets are dropped; what waited goes on after Pass
//	Refuse     connections are cut, and new ones at once
//	Cut        not a mood: the connections that are there end with an RST, now
//
//	door.go      the Door: it accepts, and keeps the mood
//	conn.go      a connection, from client to upstream
//	side.go      one end of it, whose bytes wait while the door is a black hole
//	fault.go     the faults that wait for their moment
//	postgres.go  a Door before a Postgres, and the URL that leads through it
//
// A Door owns its listener and one goroutine per connection, which may start others with Conn.Go;
// Close ends and awaits them all.
package door
