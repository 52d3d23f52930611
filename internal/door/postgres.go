package door

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// OpenPostgres is Open before the Postgres behind databaseURL. through is that URL by way of the door. Encryption is off in it:
// whoever stands there reads the messages.
func OpenPostgres(databaseURL string, serve func(*Conn)) (d *Door, through string, err error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return nil, "", fmt.Errorf("database url: %w", err)
	}
	config, err := pgconn.ParseConfig(databaseURL)
	if err != nil {
		return nil, "", fmt.Errorf("database url: %w", err)
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	if d, err = Open(network, address, serve); err != nil {
		return nil, "", err
	}
	query := slices.DeleteFunc(strings.Split(u.RawQuery, "&"), func(setting string) bool { // the others stay as they are written
		name, _, _ := strings.Cut(setting, "=")
		return slices.Contains([]string{"", "host", "port", "sslmode"}, name)
	})
	u.Host, u.RawQuery = d.Address(), strings.Join(append(query, "sslmode=disable"), "&")
	return d, u.String(), nil
}
