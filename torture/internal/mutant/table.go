package mutant

import "slices"

// Table lists the mutants.
func Table() []Mutant {
	return slices.Concat(commits, keys, answers, bytes, feed)
}

// Named finds a mutant, or Lax.
func Named(name string) (Mutant, bool) {
	all := append(Table(), Lax)
	i := slices.IndexFunc(all, func(m Mutant) bool { return m.Name == name })
	if i < 0 {
		return Mutant{}, false
	}
	return all[i], true
}
