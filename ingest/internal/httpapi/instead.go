package httpapi

import "strings"

// whereInstead tells who sent a path that is not here what is.
func whereInstead(method, path string) string {
	switch {
	case strings.HasSuffix(path, "/"):
		return "leave out the slash at its end; / lists the available paths"
	case sends(method) && !strings.HasPrefix(path, "/subscriptions/"):
		return "events are sent to POST /publish; / lists the available paths"
	case strings.HasPrefix(path, "/events/") && strings.Count(path, "/") == 2:
		return "the events of a topic are at /events?topic={topic}, one event is at /events/{topic}/{event_id}"
	case strings.HasPrefix(path, "/events/"):
		return "one event is at /events/{topic}/{event_id}; send a slash in either as %2F"
	}
	return "/ lists the available paths"
}

func sends(method string) bool { return method == "POST" || method == "PUT" }

// methodInstead adds, for who asked a path by a method that it does not answer to, where that is done which was probably
// meant.
func methodInstead(method, path string) string {
	switch {
	case sends(method) && (path == "/" || path == "/events" || strings.HasPrefix(path, "/events/")):
		return "; events are sent to POST /publish"
	case sends(method) && path == "/subscriptions":
		return "; PUT /subscriptions/{name} makes one"
	case method == "GET" && path == "/publish":
		return "; events are read with GET /events"
	case method == "GET" && strings.HasPrefix(path, "/subscriptions/") && strings.Count(path, "/") == 2:
		return "; GET /subscriptions lists them all"
	}
	return ""
}
