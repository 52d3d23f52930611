// Package storetest holds the contract of a store, on which the pipeline relies (contract.go), and
// a fake store that keeps it (fake.go). Only tests import it: the contract tests run on the fake
// and on Postgres, so that the fake cannot lie. It also has what tests of Postgres write and read
// with (history.go).
package storetest
