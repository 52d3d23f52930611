package result

import "fmt"

// Worst is what went wrong most often, and how often.
func Worst(failures map[string]int) (worst string, times int) {
	for failure, n := range failures {
		if n > times || n == times && failure < worst {
			worst, times = failure, n
		}
	}
	return worst, times
}

// WentWrong says what went wrong in all rounds; "" if nothing did.
func (s *Scenario) WentWrong() string {
	all, failed := map[string]int{}, 0
	for _, round := range s.Rounds {
		failed += round.Run.Counts.Failed
		for failure, n := range round.Run.Failures {
			all[failure] += n
		}
	}
	worst, times := Worst(all)
	if times == 0 {
		return ""
	}
	return fmt.Sprintf("%d events were not settled; %d times: %s", failed, times, worst)
}
