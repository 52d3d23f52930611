package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"ingot/bench/internal/result"
)

//go:embed report.html.tmpl
var source string

// view is what the template shows.
type view struct {
	*result.Result
	Memory    string
	Headings  []string
	Rows      []row
	Bars      []barGroup
	Scenarios []scenarioView
	Broken    int // scenarios that did not hold
	Unchecked int // scenarios without a truth check
}

type row struct {
	Cells  []string
	Broken bool
}

type scenarioView struct {
	Name, About string
	Notes       []string
	Rounds      int
	Charts      []template.HTML
}

// Write renders the report of a result into a file.
func Write(path string, r *result.Result) error {
	b, err := render(r)
	if err != nil {
		return err
	}
	return result.WriteFile(path, b)
}

// render makes the report.
func render(r *result.Result) ([]byte, error) {
	t, err := template.New("report").Parse(source)
	if err != nil {
		return nil, fmt.Errorf("report template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, newView(r)); err != nil {
		return nil, fmt.Errorf("render report: %w", err)
	}
	return b.Bytes(), nil
}

func newView(r *result.Result) view {
	v := view{Result: r, Memory: fmt.Sprintf("%.0f GB", float64(r.Machine.Memory)/(1<<30)), Headings: result.Headings(), Bars: barGroups(r)}
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		if len(s.Rounds) > 0 {
			if s.Rounds[0].Unchecked != "" {
				v.Unchecked++
			}
			v.Rows = append(v.Rows, row{s.Cells(), s.Broken() != ""})
		}
		shown := scenarioView{Name: s.Name, About: s.About, Rounds: len(s.Rounds), Notes: s.Notes()}
		if s.Broken() != "" {
			v.Broken++
		} else {
			shown.Charts = curves(s)
		}
		v.Scenarios = append(v.Scenarios, shown)
	}
	return v
}
