package httpapi

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// Keys tells who may do what.
type Keys interface {
	// Holder returns the name that a key was given to, "" if to nobody, the topics for which it has its rights, and
	// whether it has this one.
	Holder(key []byte, right string) (name string, topics *event.Scope, may bool)

	// Take counts events against the rate of a name: how many events its keys may send in a second (0: as many as
	// come). If none are left, Take counts nothing and tells how long to wait. 0 events only ask.
	Take(name string, events int) (perSecond int, wait time.Duration)
}

// The rights that routes need. A route for anyone needs none, because it tells nothing about events.
const (
	toPublish = "publish"
	toRead    = "read"
	toWatch   = "watch"
	anyone    = ""
)

const keysWanted = "send it as Authorization: Bearer KEY, or as the password of Authorization: Basic"

// authorize refuses a request that does not carry a key with the right. It leaves the holder's name, "" if nobody has
// the key, and the topics of the key with the connection, so that the key is hashed once.
func (s *Server) authorize(ctx *fasthttp.RequestCtx, right string) error {
	if s.Keys == nil || right == anyone {
		return nil
	}
	var space [keyRoom]byte
	key := appendKey(space[:0], ctx.Request.Header.Peek(fasthttp.HeaderAuthorization))
	name, topics, may := s.Keys.Holder(key, right)
	connOf(ctx).holder, connOf(ctx).topics = name, topics
	switch {
	case may:
		return nil
	case name != "":
		return &refusal{problemNoRight, fmt.Sprintf("this key of %s does not have the right to %s; its rights are in its line of the --keys-file", name, right)}
	case len(key) > 0:
		return &refusal{problemNoKey, "this key is unknown, or was revoked; " + keysWanted}
	}
	return &refusal{problemNoKey, "a key is required; " + keysWanted}
}

// mayRead refuses to read topics that the key of the request under way does not have. To name none is to ask for all, and
// is refused as well: whoever does not know of the key's topics would take some events for all of them.
func (c *conn) mayRead(topics []string) error {
	if c.topics.HasEach(topics) {
		return nil
	}
	only := fmt.Sprintf("this key of %s may read only the topics %s (topics= in its line of the --keys-file)", c.holder, shown(c.topics.String()))
	for _, topic := range topics {
		if !c.topics.Has(topic) {
			return &refusal{problemNoTopic, only + ", not " + shown(topic)}
		}
	}
	return &refusal{problemNoTopic, only + ": name each topic that you want"}
}

// mayFollow refuses a subscription that brings other topics than those of the key. It does not tell which.
func (c *conn) mayFollow(sub *event.Subscription) error {
	if c.topics.HasEach(sub.Topics) {
		return nil
	}
	return &refusal{problemNoTopic, fmt.Sprintf("this key of %s may not read all topics of this subscription (topics= in its line of the --keys-file); use a subscription of another name", c.holder)}
}

// charge counts the events of a request against what the holder of its key may send in a second; 0 events ask
// whether it may send now.
func (s *Server) charge(ctx *fasthttp.RequestCtx, events int) error {
	if s.Keys == nil {
		return nil
	}
	perSecond, wait := s.Keys.Take(connOf(ctx).holder, events)
	if wait == 0 {
		return nil
	}
	seconds := strconv.FormatInt(int64(math.Ceil(wait.Seconds())), 10)
	p := problemOverRate
	p.header = retryAfter(seconds)
	return &refusal{p, fmt.Sprintf("the holder of this key may send %d events per second, over all of its keys, and has used that up; nothing of this request was stored; send it again in %s s", perSecond, seconds)}
}

// keyRoom is the length of the longest key that is looked at.
const keyRoom = 256

// appendKey appends the key in the value of Authorization; nothing, if there is none. Basic, which is all that browsers
// and older tools can send, carries the key as the password; the name is ignored.
func appendKey(b, authorization []byte) []byte {
	scheme, key, _ := bytes.Cut(authorization, []byte(" "))
	key = bytes.TrimSpace(key)
	if len(key) > keyRoom {
		return b
	}
	switch {
	case bytes.EqualFold(scheme, []byte("bearer")):
		return append(b, key...)
	case bytes.EqualFold(scheme, []byte("basic")):
		var space [keyRoom]byte
		n, err := base64.StdEncoding.Decode(space[:], key)
		if _, password, found := bytes.Cut(space[:n], []byte(":")); found && err == nil {
			return append(b, password...)
		}
	}
	return b
}

// errKeyGone ends what is streamed to a key that has lost its right, or a topic.
var errKeyGone = errors.New("the key no longer has the right")

// stillMayRead returns a function that tells whether the key of the request under way may still read these topics.
func (s *Server) stillMayRead(ctx *fasthttp.RequestCtx, topics []string) func() bool {
	if s.Keys == nil {
		return func() bool { return true }
	}
	key := appendKey(nil, ctx.Request.Header.Peek(fasthttp.HeaderAuthorization))
	return func() bool {
		_, scope, may := s.Keys.Holder(key, toRead)
		return may && scope.HasEach(topics)
	}
}

// challenge says in the answer how a key is sent, in two headers: browsers read none behind a comma.
func challenge(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.Add(fasthttp.HeaderWWWAuthenticate, `Bearer realm="ingot"`)
	ctx.Response.Header.Add(fasthttp.HeaderWWWAuthenticate, `Basic realm="ingot", charset="UTF-8"`)
}
