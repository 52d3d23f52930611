// Package netproxy stands between clients and an ingester and knows bytes only: it
// cuts a request in the middle, or the answer, or takes the answer away. The moods of
// all connections (Pass, Delay, BlackHole, Refuse) and Cut are those of package door;
// Delay waits before each piece that is read, in both directions. The torture tests
// own one for each ingester. What ends: see door.
package netproxy
