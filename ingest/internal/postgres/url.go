package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

func parse(url string) (*pgconn.Config, error) {
	if err := checkBeginning(url); err != nil {
		return nil, err
	}
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		return nil, urlError(err)
	}
	if err := checkPassword(url, config); err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = "ingot"
	config.RuntimeParams["client_encoding"] = "UTF8" // whatever the URL, the role or the database say: in another encoding a key would become another key
	passesStandbys(config)
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, connectTimeout)
	return config, nil
}

// checkBeginning refuses what is neither a URL of Postgres nor keywords with their values, such as the URL of another driver.
// If an = is in it, pgx takes what stands before for a keyword that it does not know, and all the rest for its value; nothing
// then says where the server is, and it looks for one on this machine.
func checkBeginning(url string) error {
	keyword, _, _ := strings.Cut(url, "=")
	switch {
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"), !strings.Contains(keyword, ":"):
		return nil
	case strings.IndexAny(url, "\"' \t\r\n") == 0:
		return errors.New("database URL: it begins with a quotation mark or a space, not with postgres://")
	}
	if foreign := ofAnotherDriver.FindString(url); foreign != "" {
		return fmt.Errorf("database URL: it begins with %q, as another driver wants it, not with postgres://", foreign)
	}
	return errors.New("database URL: it does not begin with postgres://, nor with a keyword and an =")
}

var ofAnotherDriver = regexp.MustCompile(`^(?i)(jdbc:)?postgres(ql)?(\+\w+)?:/{0,2}`)

// CheckURL tells whether a database URL can be understood; its error has no password.
func CheckURL(url string) error {
	_, err := parse(url)
	return err
}

// urlError says why a database URL cannot be understood, without the URL and without quoting it: pgx hides a password where
// it finds one, and of "password = x y" it does not.
func urlError(err error) error {
	why := err.Error()
	why = why[strings.LastIndex(why, "`: ")+1:]
	why = strings.NewReplacer(`"sslcert"`, "sslcert", `"sslkey"`, "sslkey").Replace(why)
	if strings.Contains(why, "failed to parse private key") {
		why += "; if sslkey is an ENCRYPTED PRIVATE KEY, write it without its password: openssl pkey -in KEY -out FILE"
	}
	return fmt.Errorf("database URL: %s", strings.TrimPrefix(quoted.ReplaceAllString(why, `".."`), ": "))
}

var quoted = regexp.MustCompile(`(?s)".*"`)

// checkPassword refuses a password with an @ or a / of its own, whose rest would be taken for a host or for the database: these
// are told wherever a server is.
func checkPassword(url string, config *pgconn.Config) error {
	inPath := false
	if scheme, rest, _ := strings.Cut(url, "://"); scheme == "postgres" || scheme == "postgresql" {
		_, path, _ := strings.Cut(rest, "/")
		path, _, _ = strings.Cut(path, "?")
		inPath = strings.Contains(path, "@")
	}
	inHost := func(f *pgconn.FallbackConfig) bool {
		return strings.Contains(f.Host, "@") && !strings.HasPrefix(f.Host, "/")
	}
	if inPath || slices.ContainsFunc(append(config.Fallbacks, &pgconn.FallbackConfig{Host: config.Host}), inHost) {
		return errors.New("database URL: the user, password or database name contains an @ or a /: write %40 or %2F instead")
	}
	return nil
}

// Target says where a database URL points, without its password.
func Target(url string) string {
	config, err := parse(url)
	if err != nil {
		return "?"
	}
	where := config.Host
	if !strings.HasPrefix(where, "/") {
		where = net.JoinHostPort(config.Host, fmt.Sprint(config.Port))
	}
	return fmt.Sprintf("%s, database %s, user %s", where, config.Database, config.User)
}
