// Package tools holds what checks Ingot and is not a part of it: linters, as tools
// of this module, and tests of the container files. They are here, in a module of
// their own, so that `make run` and `make test` download little.
//
//	compose_test.go   docker-compose.yml keeps the promises of its comments
//	image_test.go     the binary, built by the Dockerfile's own line, runs and answers
//
// `make containers` runs the tests; no container engine is needed.
package tools
