package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// checkURL wants --url to name a server: the paths of the contract are put behind it.
func checkURL(text string) error {
	at, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("--url: %w", err)
	case at.Scheme != "http" && at.Scheme != "https" || at.Host == "" || strings.ContainsAny(text, "?#"):
		return fmt.Errorf("--url: %q is not of the form http://host:port", text)
	}
	return nil
}

// checkLoad bounds what is sent at a time.
func checkLoad(concurrency, batch int) error {
	switch {
	case concurrency < 1 || concurrency > 10_000:
		return errors.New("--concurrency: want 1 to 10000")
	case batch < 1 || batch > 10_000:
		return errors.New("--batch: want 1 to 10000, what the server takes in one request")
	}
	return nil
}
