package main

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// variable is the environment's name for a flag of serve, except for --database-url.
func variable(flag string) string {
	return "INGOT_" + strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(flag, "--"), "-", "_"))
}

// named reads the value of a flag or variable that may be left out but not empty, or a list of such values. If an empty value
// counted as not set, INGOT_KEYS_FILE=$KEYS with KEYS unset would let everybody in, and DATABASE_URL=$URL with URL unset would
// make the server create a database of its own.
func named(d *kong.DecodeContext, target reflect.Value) error {
	t, err := d.Scan.PopValue("file")
	if err != nil {
		return err
	}
	texts := []string{t.String()}
	list := target.Kind() == reflect.Slice
	if list {
		texts = strings.Split(t.String(), ",")
	}
	for _, text := range texts {
		switch {
		case text == "":
			return errors.New("it is empty: leave it out, or give a value")
		case list:
			target.Set(reflect.Append(target, reflect.ValueOf(text)))
		default:
			target.SetString(text)
		}
	}
	return nil
}

// unknownVariables are the variables of the environment that begin with INGOT_ and are no settings: otherwise a misspelt
// setting would be ignored silently. INGOT_POSTGRES is known, which says where `make postgres` has put a Postgres; so are
// INGOT_REQUIRE_POSTGRES and INGOT_LONG, which are for the tests, and may be there in the shell of who works on Ingot; and
// INGOT_URL and INGOT_CA, which are the publisher's. Its INGOT_KEY is reported all the same: somebody may have meant
// INGOT_KEYS_FILE, without which the server lets everybody in.
func unknownVariables(environment []string, flags []*kong.Flag) (unknown []string) {
	known := []string{"INGOT_POSTGRES", "INGOT_REQUIRE_POSTGRES", "INGOT_LONG", "INGOT_URL", "INGOT_CA"}
	for _, f := range flags {
		known = append(known, f.Envs...)
	}
	for _, variable := range environment {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "INGOT_") && !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// checkDatabaseName refuses a database that is named by the variable that all other settings make one expect, and by no other:
// a private Postgres would take its events.
func checkDatabaseName(environment []string, url string) error {
	wrong := func(variable string) bool { return strings.HasPrefix(variable, "INGOT_DATABASE_URL=") }
	if url == "" && slices.ContainsFunc(environment, wrong) {
		return errors.New("INGOT_DATABASE_URL is no setting: set DATABASE_URL, or leave both out for a private Postgres")
	}
	return nil
}
