// Package keys says who may do what. A file has a line for each key: the name of its holder, what
// it may do, and a hash of it, so that who reads the file has no key.
//
//	# name   may            hash            at most
//	shop     publish        sha256:5e88…    events=500/s
//	grafana  read,watch     sha256:ab12…
//
//	new.go    a new key and its line
//	ring.go   what the lines say
//	rate.go   how many events a name may send
//	file.go   the lines as they are in the file now
//
// Package main opens the File, has it read again from time to time, and hands it to the gate, which asks it
// once a request, once more before a long poll is answered, and of what is streamed with each write. The package starts nothing.
//
// A key is 256 random bits, so one SHA-256 keeps it: a slow hash is for what people
// think up. Two lines may have one name: that is how a key is changed without a pause.
package keys
