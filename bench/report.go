package main

import (
	"cmp"
	"fmt"
	"strings"

	"ingot/bench/internal/report"
	"ingot/bench/internal/result"
)

type reportCommand struct {
	Result string `arg:"" help:"Result (JSON) of a run."`
	Out    string `placeholder:"FILE" help:"Where the report goes. Default: beside the result."`
}

func (c *reportCommand) Run(s output) error {
	r, err := result.Read(c.Result)
	if err != nil {
		return err
	}
	r.Table(s.stdout)
	path := cmp.Or(c.Out, strings.TrimSuffix(c.Result, ".json")+".html")
	if err := report.Write(path, r); err != nil {
		return err
	}
	fmt.Fprintln(s.stdout, "report", path)
	return nil
}
