package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"

	"ingot/ingest/internal/httpapi"
	"ingot/ingest/internal/keys"
)

// openKeys reads the file of keys, if one is set, and reads it again from time to time until stop is called. Without a file
// known is nil: anyone may do everything.
func openKeys(path string, log *zap.Logger) (known httpapi.Keys, stop func(), err error) {
	if path == "" {
		return nil, func() {}, nil
	}
	file, err := keys.Open(path)
	if err != nil {
		return nil, nil, wrongSetting{fmt.Errorf("--keys-file: %w", err)}
	}
	log.Info("keys are required", zap.Int("keys", file.Len()))
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o002 != 0 {
		log.Warn("any user of this machine can write to the keys file, and so add a key: restrict its mode", zap.String("file", path))
	}
	return file, every(filesPeriod, func() { refreshKeys(file, log) }), nil
}

func refreshKeys(file *keys.File, log *zap.Logger) {
	switch changed, err := file.Refresh(); {
	case err != nil:
		log.Warn("cannot reload the keys file, the previous keys stay valid", zap.Error(err))
	case changed && file.Len() == 0:
		log.Warn("the last key was removed: nobody can publish, read or watch until a key is added")
	case changed:
		log.Info("the keys have changed", zap.Int("keys", file.Len()))
	}
}

// keyCommand makes a key for a file of keys.
type keyCommand struct {
	Name   string   `arg:"" help:"Whose key it is: letters, digits, dots, dashes, underscores. A name may have several keys."`
	Rights []string `arg:"" help:"What it may do: publish (send events), read (events, streams, subscriptions), watch (/stats and /metrics)."`
	Rate   *int     `name:"events-per-second" placeholder:"N" help:"Most events that its holder may send per second, over all of its keys; more are answered 429. Not set: no limit."`
	Topics []string `sep:"none" placeholder:"TOPIC,.." help:"The only topics that it may send and read, or how they begin, followed by a star: orders,payment-*. A comma, star or percent sign that is part of a topic is written %2C, %2A, %25. Not set: all topics."`
	File   string   `name:"keys-file" type:"named" required:"" env:"INGOT_KEYS_FILE" placeholder:"FILE" help:"File to add its line to; it is created if there is none."`
}

// Validate implements kong's interface: what it refuses is a wrong command line.
func (c *keyCommand) Validate() error {
	if c.Rate != nil && *c.Rate == 0 {
		return errors.New("--events-per-second must be 1 or more; leave it out for no limit, or leave out publish to allow no events")
	}
	return keys.Check(c.Name, c.Rights, c.rate(), c.Topics...)
}

// rate is in events a second; 0: as many as come.
func (c *keyCommand) rate() int {
	if c.Rate == nil {
		return 0
	}
	return *c.Rate
}

// Run implements kong's interface.
func (c *keyCommand) Run() error { return c.run(os.Stdout, os.Stderr) }

func (c *keyCommand) run(stdout, stderr io.Writer) error {
	key, err := keys.Add(c.File, c.Name, c.Rights, c.rate(), c.Topics...)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	_, told := fmt.Fprintf(stderr, "added a line for %s to %s with a hash of this key; the key itself is not stored: keep it\n", c.Name, c.File)
	_, printed := fmt.Fprintln(stdout, key)
	if err := errors.Join(printed, told); err != nil {
		return fmt.Errorf("key: %w; remove the last line from %s", err, c.File)
	}
	return nil
}
