package result

import "fmt"

// Broken says what of a scenario did not hold: an error, or a truth check. Such a scenario has no figure: the table calls
// it BROKEN.
func (s *Scenario) Broken() string {
	if s.Error != "" {
		return s.Error
	}
	for _, r := range s.Rounds {
		if err := r.TruthError(); err != nil {
			return err.Error()
		}
	}
	return ""
}

// TruthError is the error of the truth check, if there was one.
func (m *Measurement) TruthError() error {
	if m.Unchecked != "" {
		return nil
	}
	return m.Truth.Err()
}

// Worst is what went wrong most often, and how often.
func Worst(failures map[string]int) (worst string, times int) {
	for failure, n := range failures {
		if n > times || n == times && failure < worst {
			worst, times = failure, n
		}
	}
	return worst, times
}

// wentWrong says what went wrong in all rounds; "" if nothing did.
func (s *Scenario) wentWrong() string {
	all, failed := map[string]int{}, 0
	for _, round := range s.Rounds {
		failed += round.Counts.Failed
		for failure, n := range round.Failures {
			all[failure] += n
		}
	}
	worst, times := Worst(all)
	if times == 0 {
		return ""
	}
	return fmt.Sprintf("%d events were not settled; %d times: %s", failed, times, worst)
}

// Notes say why a scenario was left out or has no figure, and what went wrong; they stand below the table.
func (s *Scenario) Notes() (all []string) {
	if s.Skipped != "" {
		all = append(all, "left out: "+s.Skipped)
	}
	for _, note := range []string{s.Broken(), s.wentWrong()} {
		if note != "" {
			all = append(all, note)
		}
	}
	return all
}
