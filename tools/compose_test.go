package tools

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

const composeFile = "../docker-compose.yml"

// load reads the text as docker compose would, with all profiles on.
func load(t *testing.T, text, password string) (*types.Project, error) {
	t.Helper()
	env := types.Mapping{}
	if password != "" {
		env["POSTGRES_PASSWORD"] = password
	}
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: "..", Environment: env,
		ConfigFiles: []types.ConfigFile{{Filename: composeFile, Content: []byte(text)}},
	}, func(o *loader.Options) { o.SetProjectName("ingot", true); o.Profiles = []string{"*"} })
}

// rule is one promise of the file.
type rule struct {
	what string
	kept func(p *types.Project) bool
}

var rules = []rule{
	{"the services are these three", func(p *types.Project) bool {
		return slices.Equal(p.ServiceNames(), []string{"ingest", "postgres", "publisher"})
	}},
	{"ingest waits for a healthy postgres", waits("ingest", "postgres")},
	{"publisher waits for a healthy ingest", waits("publisher", "ingest")},
	{"ingest is published on this machine alone", func(p *types.Project) bool {
		ports := p.Services["ingest"].Ports
		return len(ports) == 1 && ports[0].HostIP == "127.0.0.1" && ports[0].Published == "8080" && ports[0].Target == 8080
	}},
	{"postgres and publisher are not published", func(p *types.Project) bool {
		return len(p.Services["postgres"].Ports)+len(p.Services["publisher"].Ports) == 0
	}},
	{"the data of a Postgres up to 17 are on the volume pg_data", func(p *types.Project) bool {
		s := p.Services["postgres"]
		_, there := p.Volumes["pg_data"]
		return there && s.Image == "postgres:16-alpine" && len(s.Volumes) == 1 && s.Volumes[0].Type == "volume" &&
			s.Volumes[0].Source == "pg_data" && s.Volumes[0].Target == "/var/lib/postgresql/data"
	}},
	{"postgres has shared memory to work with", func(p *types.Project) bool { return p.Services["postgres"].ShmSize >= 256<<20 }},
	{"postgres is asked over TCP, where its init server does not answer", tests("postgres", "pg_isready", "--host=127.0.0.1")},
	{"ingest is asked by its own binary", tests("ingest", "/ingest", "healthcheck")},
	{"ingest and postgres come back", func(p *types.Project) bool {
		return p.Services["ingest"].Restart == "unless-stopped" && p.Services["postgres"].Restart == "unless-stopped"
	}},
	{"ingest has time to drain", func(p *types.Project) bool {
		s := p.Services["ingest"]
		drain := s.Environment["INGOT_DRAIN_TIMEOUT"]
		if drain == nil || s.StopGracePeriod == nil {
			return false
		}
		d, err := time.ParseDuration(*drain)
		return err == nil && time.Duration(*s.StopGracePeriod) >= d+5*time.Second
	}},
	{"ingest and publisher can do nothing but their work", func(p *types.Project) bool {
		return hardened(p.Services["ingest"]) && hardened(p.Services["publisher"])
	}},
	{"postgres has the few capabilities of its entrypoint", func(p *types.Project) bool {
		s := p.Services["postgres"]
		return slices.Equal(s.CapDrop, []string{"ALL"}) && !s.Privileged && slices.Contains(s.SecurityOpt, "no-new-privileges:true") &&
			slices.Equal(s.CapAdd, []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"})
	}},
	{"the publisher only comes when asked for", func(p *types.Project) bool {
		return slices.Equal(p.Services["publisher"].Profiles, []string{"publisher"}) && len(p.Services["ingest"].Profiles) == 0
	}},
	{"postgres is reached through ingest alone", func(p *types.Project) bool {
		_, publisher := p.Services["publisher"].Networks["database"]
		return p.Networks["database"].Internal && len(p.Services["postgres"].Networks) == 1 && !publisher
	}},
	{"the password is given from outside, and not in a URL", func(p *types.Project) bool {
		given, url := p.Services["ingest"].Environment["PGPASSWORD"], p.Services["ingest"].Environment["DATABASE_URL"]
		set := p.Services["postgres"].Environment["POSTGRES_PASSWORD"]
		return given != nil && set != nil && url != nil && *given == "from-outside" && *set == "from-outside" && !strings.Contains(*url, "from-outside")
	}},
	{"what is built is a stage of the Dockerfile", func(p *types.Project) bool {
		return p.Services["ingest"].Build.Target == "ingest" && p.Services["publisher"].Build.Target == "publisher"
	}},
}

func waits(who, whom string) func(*types.Project) bool {
	return func(p *types.Project) bool {
		d, there := p.Services[who].DependsOn[whom]
		return there && d.Condition == types.ServiceConditionHealthy && d.Required
	}
}

func tests(service string, words ...string) func(*types.Project) bool {
	return func(p *types.Project) bool {
		h := p.Services[service].HealthCheck
		if h == nil || h.Disable || h.Interval == nil || h.Timeout == nil || h.StartPeriod == nil {
			return false
		}
		return !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(h.Test, w) })
	}
}

func hardened(s types.ServiceConfig) bool {
	return s.ReadOnly && s.User == "65532:65532" && slices.Equal(s.CapDrop, []string{"ALL"}) && len(s.CapAdd) == 0 && !s.Privileged &&
		slices.Contains(s.SecurityOpt, "no-new-privileges:true") && s.Init != nil && *s.Init && len(s.Volumes) == 0
}

func broken(p *types.Project) (all []string) {
	for _, r := range rules {
		if !r.kept(p) {
			all = append(all, r.what)
		}
	}
	return all
}

func text(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(composeFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestComposeFile(t *testing.T) {
	t.Parallel()
	p, err := load(t, text(t), "from-outside")
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range broken(p) {
		t.Errorf("broken: %s", what)
	}
	if _, err := load(t, text(t), ""); err == nil || !strings.Contains(err.Error(), "put POSTGRES_PASSWORD=") {
		t.Errorf("without a password: %v", err)
	}
}

// TestTheRulesCanBeBroken changes the file in one place at a time: a check that
// nothing can fail would be worth nothing.
func TestTheRulesCanBeBroken(t *testing.T) {
	t.Parallel()
	met := map[string]bool{}
	for _, c := range []struct{ from, to, breaks string }{
		{"  ingest:\n    build", "  another:\n    image: x\n\n  ingest:\n    build", "the services are these three"},
		{"      postgres:\n        condition: service_healthy", "      postgres:\n        condition: service_started", "ingest waits for a healthy postgres"},
		{"      ingest:\n        condition: service_healthy", "      ingest:\n        condition: service_healthy\n        required: false", "publisher waits for a healthy ingest"},
		{`"127.0.0.1:8080:8080"`, `"8080:8080"`, "ingest is published on this machine alone"},
		{`"127.0.0.1:8080:8080"`, `"127.0.0.1:8080:8081"`, "ingest is published on this machine alone"},
		{"    shm_size: 256mb", "    ports: [\"127.0.0.1:5432:5432\"]\n    shm_size: 256mb", "postgres and publisher are not published"},
		{"pg_data:/var/lib/postgresql/data", "pg_data:/var/lib/postgresql", "the data of a Postgres up to 17 are on the volume pg_data"},
		{"pg_data:/var/lib/postgresql/data", "./pg_data:/var/lib/postgresql/data", "the data of a Postgres up to 17 are on the volume pg_data"},
		{"postgres:16-alpine", "postgres:18-alpine", "the data of a Postgres up to 17 are on the volume pg_data"},
		{"    shm_size: 256mb\n", "", "postgres has shared memory to work with"},
		{"--host=127.0.0.1, ", "", "postgres is asked over TCP, where its init server does not answer"},
		{"[CMD, /ingest, healthcheck]", "[NONE]", "ingest is asked by its own binary"},
		{"    stop_grace_period: 1m # a checkpoint\n    restart: unless-stopped", "    restart: \"no\"", "ingest and postgres come back"},
		{"stop_grace_period: 30s", "stop_grace_period: 20s", "ingest has time to drain"},
		{"INGOT_DRAIN_TIMEOUT: 20s", "INGOT_DRAIN_TIMEOUT: 1m", "ingest has time to drain"},
		{"read_only: true", "read_only: false", "ingest and publisher can do nothing but their work"},
		{"    cap_drop: [ALL]\n    init: true", "    init: true", "ingest and publisher can do nothing but their work"},
		{"    cap_drop: [ALL]\n    init: true", "    cap_drop: [ALL]", "ingest and publisher can do nothing but their work"},
		{`user: "65532:65532"`, "user: root", "ingest and publisher can do nothing but their work"},
		{"    cap_add: [CHOWN", "    cap_add: [SYS_ADMIN, CHOWN", "postgres has the few capabilities of its entrypoint"},
		{"    profiles: [publisher]\n", "", "the publisher only comes when asked for"},
		{"    internal: true", "    internal: false", "postgres is reached through ingest alone"},
		{"ingot@postgres:5432", "ingot:${POSTGRES_PASSWORD}@postgres:5432", "the password is given from outside, and not in a URL"},
		{"target: ingest", "target: build", "what is built is a stage of the Dockerfile"},
	} {
		original := text(t)
		if !strings.Contains(original, c.from) {
			t.Errorf("the file does not hold %q", c.from)
			continue
		}
		p, err := load(t, strings.Replace(original, c.from, c.to, 1), "from-outside")
		if err != nil {
			t.Errorf("%q in place of %q: %v", c.to, c.from, err)
			continue
		}
		if got := broken(p); len(got) != 1 || got[0] != c.breaks {
			t.Errorf("%q in place of %q breaks %q, want %q", c.to, c.from, got, c.breaks)
		}
		met[c.breaks] = true
	}
	for _, r := range rules {
		if !met[r.what] {
			t.Errorf("nothing here breaks the rule: %s", r.what)
		}
	}
}
