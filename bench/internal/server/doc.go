// Package server starts what the bench measures, each in a process of its own: ingesters, and the servers of limits.
//
//	server.go    a Server: an ingester, the server of a limit, or one that was already running
//	process.go   its process, a child of this one
//	get.go       asks any of them
//
// Whoever starts a Server stops it; if this process is killed, the kernel ends its children.
package server
