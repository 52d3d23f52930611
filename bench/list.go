package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"ingot/bench/internal/scenario"
)

type listCommand struct{}

func (listCommand) Run(s output) error {
	t := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SCENARIO\tSET\tWHAT\tAGAINST")
	for _, c := range scenario.All() {
		var against []string
		for _, r := range c.Against {
			against = append(against, r.Limit)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.Name, c.Set, c.About, strings.Join(against, ", "))
	}
	return t.Flush()
}
