// Package tools holds what checks Ingot and is not a part of it: linters, as tools
// of this module, tests of the container files and of the API's document. They are here, in a module of
// their own, so that `make run` and `make test` download little.
//
//	compose_test.go   docker-compose.yml keeps the promises of its comments
//	image_test.go     the binary, built by the Dockerfile's own line, runs and answers
//	openapi/          /openapi.json is what the server does
//
// `make containers` runs the tests, `make openapi` those of openapi/ with more to look at; no container engine is needed.
package tools
