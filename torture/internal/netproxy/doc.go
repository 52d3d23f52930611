// Package netproxy stands between clients and an ingester and knows only bytes: it takes answers away
// (SwallowAnswers). The moods of all connections (Pass, Delay, BlackHole, Refuse) and Cut are those of
// package door; Delay waits before each piece that is read, in both directions. The torture tests own
// one for each ingester. For what ends and when, see door.
package netproxy
