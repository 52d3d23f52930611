package postgres

import (
	"fmt"
	"net"
	"os/user"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// requirePeer takes the word requirepeer out of what a URL says: the user, by name as for libpq, or by id, that a server
// behind a unix socket has to run as; "": any. pgx does not know the word, and would send it to the server as a setting.
func requirePeer(config *pgconn.Config) (peer string) {
	const word = "requirepeer"
	peer = config.RuntimeParams[word]
	delete(config.RuntimeParams, word)
	return peer
}

// checkPeer fails if a server behind a unix socket runs as another user than required. Once something has removed the
// folder of the socket, any user of the machine may make one of this name, in /tmp, and put a server there: it would be
// sent events, and could answer that it has stored them.
func checkPeer(c net.Conn, required string) error {
	socket, unix := c.(*net.UnixConn)
	if required == "" || !unix {
		return nil
	}
	uid, known, err := peerOf(socket)
	if err != nil {
		return fmt.Errorf("ask who listens at %s: %w", c.RemoteAddr(), err)
	}
	is := strconv.Itoa(uid)
	if !known || is == required { // the private one's is an id: nobody has to be asked for its name
		return nil
	}
	if u, err := user.Lookup(required); err == nil && u.Uid == is {
		return nil
	}
	return fmt.Errorf("the server at %s runs as the user with id %s, not as %s (requirepeer): if it is in the place of a private Postgres, somebody else has put it there; remove the folder", c.RemoteAddr(), is, required)
}
