package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestServiceUnit: what the unit for systemd says of the server is what the server does.
func TestServiceUnit(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../ingot.service")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unit := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, found := strings.Cut(lines.Text(), "="); found && !strings.HasPrefix(name, "#") {
			unit[name] = value
		}
	}
	number := func(name string) int {
		n, err := strconv.Atoi(unit[name])
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return n
	}
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	if n := number("RestartPreventExitStatus"); n != exitUsage {
		t.Errorf("%d is not the exit code for what no restart mends", n)
	}
	if number("StartLimitIntervalSec") != 0 || number("RestartSec") < 1 {
		t.Error("a database that is away for some seconds, while it is restored, would keep the service down")
	}
	if stop := time.Duration(number("TimeoutStopSec")) * time.Second; stop < 2*(c.Serve.DrainTimeout+closeTimeout) {
		t.Errorf("%s are no time for a drain of %s and for Postgres behind it", stop, c.Serve.DrainTimeout)
	}
	if n := number("LimitNOFILE"); n < 2*c.Serve.MaxConnections {
		t.Errorf("%d files for %d connections", n, c.Serve.MaxConnections)
	}
	if unit["KillMode"] != "mixed" {
		t.Error("a Postgres that is told to stop at the same time does not see the drain to its end")
	}
	if unknown := unknownVariables([]string{unit["Environment"]}, serveFlags(t)); len(unknown) > 0 || !strings.HasPrefix(unit["Environment"], "INGOT_") {
		t.Errorf("%s: %v are no settings", unit["Environment"], unknown)
	}
}
