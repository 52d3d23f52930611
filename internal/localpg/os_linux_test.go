package localpg

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMemoryLimits: systemd bounds a service in a group of its own, far below the root.
func TestMemoryLimits(t *testing.T) {
	t.Parallel()
	const v2, v1 = "/sys/fs/cgroup", "/sys/fs/cgroup/memory"
	for name, c := range map[string]struct {
		groups string
		want   []string
	}{
		"a service":                {"0::/system.slice/ingot.service\n", []string{v2 + "/system.slice/ingot.service/memory.max", v2 + "/system.slice/memory.max", v2 + "/memory.max"}},
		"a service, version 1":     {"5:cpu,cpuacct:/x\n4:memory:/a:b\n0::/\n", []string{v1 + "/a:b/memory.limit_in_bytes", v1 + "/memory.limit_in_bytes", v2 + "/memory.max"}},
		"a container":              {"0::/\n", []string{v2 + "/memory.max"}},
		"a group of its container": {"0::/../b\n", []string{v2 + "/b/memory.max", v2 + "/memory.max"}},
		"no groups":                {"", nil},
	} {
		if diff := cmp.Diff(c.want, memoryLimits(c.groups)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
