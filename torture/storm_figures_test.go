package torture

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// figures are what an ingester holds on to while nobody asks it for anything.
type figures struct {
	goroutines  int // but for fasthttp's idle workers, which end by themselves
	descriptors int
	heap        int64 // bytes in use after a collection
}

// What may be more than before the storm: what pgx's pool does at that moment, a
// connection that is just being closed, those that keys are looked up over, which are
// opened when they are needed, buffers that are kept. A leak of one a fault is more than
// that in most storms: the last life of an ingester sees several.
const (
	goroutinesMore  = 2
	descriptorsMore = 2 + lookUpConnections
	heapMore        = 16 << 20

	lookUpConnections = 2
	writerConnections = 1 + lookUpConnections
)

// quietFigures reads them once they have come down to the base, or as they are when
// they do not. Without a base it waits until they stand still.
func (s *storm) quietFigures(i *stormIngester, base *figures) (f figures) {
	s.Helper()
	deadline := time.Now().Add(recoverWithin)
	for before := (figures{}); time.Now().Before(deadline); before = f {
		i.http.CloseIdleConnections() // the storm's own
		f = s.figuresOf(i)
		if base != nil && f.within(*base) {
			return f
		}
		if base == nil && before.goroutines == f.goroutines && before.descriptors == f.descriptors {
			return f
		}
		time.Sleep(50 * time.Millisecond)
	}
	return f
}

func (f figures) within(base figures) bool {
	return f.goroutines <= base.goroutines+goroutinesMore &&
		f.descriptors <= base.descriptors+descriptorsMore &&
		f.heap <= base.heap+heapMore
}

// judgeFigures wants every ingester back at its base, and no connection to Postgres
// left over.
func (s *storm) judgeFigures() {
	for _, i := range s.ingesters {
		now := s.quietFigures(i, &i.base)
		s.Logf("%s: base %+v, now %+v", i.name, i.base, now)
		if !now.within(i.base) {
			s.history.Violate("goroutines, descriptors and memory are back at their base", fmt.Sprintf("%s: %+v, before the storm %+v", i.name, now, i.base))
		}
	}
	most := int64(len(s.ingesters) * (writerConnections + readerConnections))
	n, err := s.database.number("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'ingot%'")
	if err != nil || n > most {
		s.history.Violate("connections to Postgres are back at their base", fmt.Sprintf("%d of at most %d, %v", n, most, err))
	}
}

func (s *storm) figuresOf(i *stormIngester) (f figures) {
	s.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", i.PID()))
	if err != nil {
		s.Fatal(err)
	}
	f.descriptors = len(open)
	f.goroutines = countGoroutines(s.profile(i, "goroutine?debug=1"))
	_, rest, _ := strings.Cut(s.profile(i, "heap?debug=1&gc=1"), "# HeapAlloc = ")
	_, _ = fmt.Sscan(rest, &f.heap)
	return f
}

func (s *storm) profile(i *stormIngester, name string) string {
	s.Helper()
	got, err := i.http.Get("http://" + i.debug + "/debug/pprof/" + name)
	if err != nil {
		s.Fatalf("profile of %s: %v", i.name, err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

// countGoroutines reads a profile: groups of "n @ stack", each with its functions.
func countGoroutines(profile string) (n int) {
	for group := range strings.SplitSeq(profile, "\n\n") {
		count, _, found := strings.Cut(group, " @ ")
		if i := strings.LastIndexByte(count, '\n'); i >= 0 {
			count = count[i+1:]
		}
		k, err := strconv.Atoi(strings.TrimSpace(count))
		idle := strings.Contains(group, "workerFunc") && !strings.Contains(group, "serveConn")
		own := strings.Contains(group, "net/http.(*conn).serve") || strings.Contains(group, "net/http.(*connReader)") // of the profile itself
		if found && err == nil && !idle && !own {
			n += k
		}
	}
	return n
}

// stormLog is what one life of an ingester has logged, read piece by piece.
type stormLog struct {
	life string
	file string
	read int64
}

// next is what was logged since it was last asked for, in whole lines.
func (l *stormLog) next() string {
	f, err := os.Open(l.file)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.NewSectionReader(f, l.read, 1<<30))
	whole := strings.LastIndexByte(string(b), '\n') + 1
	l.read += int64(whole)
	return string(b[:whole])
}

// explained are the errors that the storm's faults explain; any other one was nobody's
// doing but the product's. Class 57 and 25P03 are those of ended backends and waits,
// 23514 is that of the added constraint, 42501 and HV000 those of the added triggers.
var explained = regexp.MustCompile(`^(40001|40P01|53...|55P03|57...|25006|25P0.|22021|23514|42501|HV000|54000|XX000|08...)$`)

// explainedWhenLax are those of poison.
var explainedWhenLax = regexp.MustCompile(`^(22...|54...)$`)

var sqlstate = regexp.MustCompile(`SQLSTATE ([0-9A-Z]{5})`)

// readLogs looks through what the ingesters have logged since the last time, and at
// their filters' figures.
func (s *storm) readLogs() {
	for _, i := range s.ingesters {
		for _, l := range i.logs {
			text := l.next()
			s.report.logged(text)
			for _, code := range sqlstate.FindAllStringSubmatch(text, -1) {
				if !explained.MatchString(code[1]) && !(i.lax && explainedWhenLax.MatchString(code[1])) {
					s.history.Violate("every error of Postgres is explained by a fault", fmt.Sprintf("%s met %s:\n%s", l.life, code[1], lineWith(text, code[1])))
				}
			}
			for _, word := range []string{"panic", "DATA RACE"} {
				if strings.Contains(text, word) {
					s.history.Violate("no ingester panics", l.life+":\n"+last(text[:min(len(text), strings.Index(text, word)+3000)], 5000))
				}
			}
		}
		s.judgeFilter(i)
	}
}

func lineWith(text, word string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Contains(line, word) {
			return line
		}
	}
	return ""
}

// judgeFilter: of the keys that were new, no more were suspected than the filter's
// rate allows, those that were learnt in vain, and a few.
func (s *storm) judgeFilter(i *stormIngester) {
	if s.down[i] {
		return
	}
	st, err := i.stats()
	if err != nil {
		return
	}
	i.filter = st
	allowed := int64(float64(st.Filter.Keys)*i.wrongGuesses*1.5) + st.Filter.LearntInVain + 10
	if st.Filter.FalsePositives > allowed {
		s.history.Violate("the filter suspects no more new keys than its rate allows",
			fmt.Sprintf("%s: %d of %d, allowed are %d", i.name, st.Filter.FalsePositives, st.Filter.Keys, allowed))
	}
}
