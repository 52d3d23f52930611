// Package keys says who may do what. A file has a line for each key: the name of its holder, what
// it may do, and its hash, so that reading the file gives nobody a key; then, how much it may send, and
// the topics that it may send and read (event.Scope).
//
//	# name   may            hash            at most         only
//	shop     publish        sha256:5e88…    events=500/s    topics=orders,payment-*
//	grafana  read,watch     sha256:ab12…
//
//	new.go    a new key and its line
//	ring.go   what the lines say
//	rate.go   how many events a name may send
//	file.go   the lines as they are in the file now
//
// Package main opens the File, has it read again from time to time, and hands it to the gate. The gate asks it
// once per request, again before a long poll is answered, and before each write of a stream. The package starts nothing.
//
// A key is 256 random bits, so one SHA-256 protects it: slow hashes are for passwords that
// people make up. Two lines may have one name: so a key can be replaced without a pause.
package keys
