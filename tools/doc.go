// Package tools holds what checks Ingot but is not part of it: linters, as tools of this module, and
// tests of the container files and of the API's document. They are in a module of their own, so
// that `make run` and `make test` download little.
//
//	compose_test.go   docker-compose.yml keeps the promises of its comments
//	image_test.go     the binary, built with the Dockerfile's own line, runs and answers
//	openapi/          /openapi.json is what the server does
//
// `make containers` runs the tests, and `make openapi` runs those of openapi/ with more to look at;
// no container engine is needed.
package tools
