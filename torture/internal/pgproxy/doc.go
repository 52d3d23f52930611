// Package pgproxy stands between an ingester and Postgres, reads the protocol that passes, and
// breaks it at a chosen message. The torture tests own one for each ingester:
//
//	p, err := pgproxy.Open(url) // p.URL leads through it
//	lost := p.Arm(pgproxy.Fault{At: pgproxy.Commit, Do: pgproxy.SwallowAfter})
//	.. <-lost.Done()
//
//	proxy.go            listens, and serves each connection
//	fault.go            the moments of a talk, and what may happen at one
//	talk.go message.go  a talk: its startup, and its messages
//	ask.go answer.go    its two directions
//	fail.go             an error that the server raises itself
//
// Messages pass as the bytes they are, whatever their size: only the first kilobytes of each are
// looked at, and none is kept. The moods of all connections (Pass, Delay, BlackHole, Refuse) and Cut
// are those of package door; Delay waits before each message that asks for an answer, once per round
// trip.
//
// An error is not forged: instead of the message, the server is sent a statement that raises that
// SQLSTATE. So a transaction fails in the server as it does in the ingester, and the server skips
// what belongs to the message (the data of its COPY, the messages up to Sync) as after any error.
// Only what ends the connection comes from the proxy itself: a FATAL, after which it cuts the server
// off.
//
// An encrypted connection passes unread. For what ends and when, see door.
package pgproxy
