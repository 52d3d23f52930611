package ingot

import _ "embed"

// Schema is the newest DDL in full, for an empty database.
//
//go:embed schema.sql
var Schema string

// SchemaVersion is the version of Schema: one more than the number of
// migrations that lead to it from version 1.
const SchemaVersion = 7
