// Package server starts what is measured, as processes of their own: ingesters, and the servers of limits.
//
//	server.go    a Server: an ingester, the server of a limit, or one that ran already
//	process.go   the child of this process that it is
//
// Whoever starts a Server stops it; should this process be killed, the kernel ends its children.
package server
