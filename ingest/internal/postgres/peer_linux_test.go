package postgres

import (
	"fmt"
	"os"
	"os/user"
	"strings"
	"syscall"
	"testing"
	"time"

	"ingot/internal/pgtest"
)

// TestAServerOfAnotherUser is not believed, if the URL says whose it has to be: somebody may have put it where the socket
// was.
func TestAServerOfAnotherUser(t *testing.T) {
	t.Parallel()
	url := database(t)
	info, err := os.Stat(pgtest.Client(t, url).Config().Host + "/.s.PGSQL.5432")
	if err != nil {
		t.Fatal(err)
	}
	uid := int(info.Sys().(*syscall.Stat_t).Uid)
	owner, err := user.LookupId(fmt.Sprint(uid))
	if err != nil {
		t.Fatal(err)
	}
	for peer, want := range map[string]string{fmt.Sprint(uid): "", owner.Username: "", fmt.Sprint(uid + 1): fmt.Sprintf("runs as the user with id %d, not", uid), "no-such-user": "not as no-such-user"} {
		checked := url + "&requirepeer=" + peer
		conn, err := Connect(t.Context(), checked, setupOpen, time.Minute, nil)
		if err == nil {
			Discard(conn)
		}
		pool, openErr := OpenPool(checked, "test", PoolConfig{Connections: 1, Timeout: time.Minute}, PlannedByIndex)
		if openErr != nil {
			t.Fatal(openErr)
		}
		_, poolErr := pool.Exec(t.Context(), "SELECT 1")
		pool.Close()
		for way, err := range map[string]error{"a connection": err, "one of a pool": poolErr} {
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, requirepeer=%s: %v, want %q", way, peer, err, want)
			}
		}
	}
}
