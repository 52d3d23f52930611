// Package traffic makes the requests of a torture run and sends them. Its caller, the storm, decides
// when each is sent and writes down what came of it; package oracle judges.
//
//	plan.go    what clients want to publish, drawn from a seed: the same seed, the same requests
//	spoil.go   events and bodies that have to be refused
//	body.go    one sending: the bytes of a request, with the number of each attempt in its payload
//	client.go  a raw keep-alive connection: it never sends twice what it was asked to send once
//	answer.go  what the answer says about each event, and whether it may say so
//
// A plan owns nothing and may be read by many goroutines; a Client belongs to one.
package traffic
