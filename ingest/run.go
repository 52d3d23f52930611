package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"ingot/ingest/internal/dedup"
	"ingot/ingest/internal/feed"
	"ingot/ingest/internal/httpapi"
	"ingot/ingest/internal/pipeline"
	"ingot/ingest/internal/postgres/writer"
)

// closeTimeout bounds the time for closing the connections of clients in a stop.
const closeTimeout = 3 * time.Second

// entrance is where requests come in, and what they have to pass there.
type entrance struct {
	listener net.Listener
	tls      *tls.Config  // nil: plain HTTP
	keys     httpapi.Keys // nil: anyone may do everything
}

// run opens everything downstream first, except for what can reveal a wrong setting, which comes before the database. It waits
// for the stop, and then closes the parts in the order of the flow (serve).
func run(ctx context.Context, c config, log *zap.Logger) error {
	listener, err := listen("--listen", c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	c = fitDescriptors(c, log)
	metrics := newMetrics()
	secure, stopTLS, err := startTLS(c, metrics, log.Named("tls"))
	if err != nil {
		return err
	}
	defer stopTLS()
	stopDebug, err := serveDebug(c.DebugListen, log)
	if err != nil {
		return err
	}
	defer stopDebug()
	known, stopKeys, err := openKeys(c.KeysFile, log.Named("keys"))
	if err != nil {
		return err
	}
	defer stopKeys()

	database, err := openDatabase(ctx, c, log)
	if ctx.Err() != nil && err != nil { // nobody has been answered yet
		log.Info("stopped before the database was open", zap.Error(err))
		return nil
	}
	if err != nil {
		return err
	}
	defer database.close()
	return runOn(ctx, database.url, c, entrance{listener, secure, known}, metrics, log)
}

// runOn opens what stands between the database and the entrance: store, readers, feed, pipeline, HTTP.
func runOn(ctx context.Context, url string, c config, at entrance, metrics *prometheus.Registry, log *zap.Logger) error {
	instance := uuid.New()
	store := writer.New(url, writer.Path(c.WritePath), c.timeouts(), instance, log.Named("postgres"))
	defer store.Close()
	reading, err := openReaders(url, c)
	if err != nil {
		return err
	}
	defer reading.close()
	hub := feed.New(c.feed(), reading.tail, reading.pages, log.Named("feed"))
	filter, err := openFilter(c, log)
	if err != nil {
		return err
	}
	queue := pipeline.New(c.pipeline(), measure(waking{store, hub.Wake}, metrics), filter, log.Named("pipeline"))
	registerFigures(metrics, c, queue, filter, hub)
	metrics.MustRegister(newLag(reading.subscriptions.Each, log.Named("metrics")))
	address := at.listener.Addr()
	server := httpapi.New(httpapi.Config{
		Limits: c.limits(), Keys: at.keys, TLS: at.tls, Hosts: c.hosts(address),
		Publisher: queue, Reader: probed{reading.pages, reading.probe}, Feed: gateFeed{hub}, Subscriptions: reading.subscriptions,
		Figures: figures(queue, filter, hub), Metrics: metrics, Log: log.Named("http"), Instance: instance.String()[:8],
	})
	defer limitMemory(c, func() (connections, streams int64) { return server.Connections(), int64(hub.Stats().Subscribers) })()
	stopRetention, err := startRetention(c, url, metrics, log.Named("retention"))
	if err != nil {
		return err
	}
	defer stopRetention()
	warnOfOpenDoors(address, c, log)
	log.Info("listening", zap.Stringer("instance", instance), zap.String("open", scheme(c.TLSCert)+address.String()+"/"))
	return serve(ctx, at.listener, server, queue, hub, log)
}

// openFilter makes the filter that --bloom names, and warns of one that is wrong on purpose.
func openFilter(c config, log *zap.Logger) (dedup.Guesser, error) {
	if c.Bloom != "on" && c.Bloom != "off" {
		log.Warn("this filter is wrong on purpose, for tests, and only costs time: set --bloom (INGOT_BLOOM) to on or off", zap.String("bloom", c.Bloom))
	}
	return dedup.Parse(c.Bloom, c.bloom())
}

// serve runs the loops of pipeline, feed and HTTP until ctx ends or the listener fails. Then it stops them in the order of
// the flow: no new request is taken and streams end, the queue is drained and every waiting request answered, connections
// are closed, then the feed ends. Its callers close the database after that.
func serve(ctx context.Context, listener net.Listener, server *httpapi.Server, queue *pipeline.Pipeline, hub *feed.Hub, log *zap.Logger) error {
	drain, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	drained := make(chan pipeline.Left, 1)
	go func() { drained <- queue.Run(drain) }() // stopped by stop, awaited below
	follow, endFeed := context.WithCancel(context.WithoutCancel(ctx))
	defer endFeed()
	var following sync.WaitGroup
	following.Go(func() { hub.Run(follow) }) // stopped by endFeed, awaited below
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }() // stopped by closeServer, awaited below

	var failure error
	select {
	case <-ctx.Done():
		log.Info("stopping: no new events are accepted, waiting for the queue")
	case err := <-served:
		failure = fmt.Errorf("serve: %w", err)
		served <- nil
	}
	server.Drain()
	stop()
	left := <-drained
	closeServer(server, log)
	failure = errors.Join(failure, <-served)
	endFeed()
	following.Wait()
	if left != (pipeline.Left{}) {
		failure = errors.Join(failure, fmt.Errorf("the drain timeout (--drain-timeout) ran out: %d accepted events were refused; for %d more it is unknown whether they were stored", left.Refused, left.Unknown))
	}
	log.Info("stopped", zap.Int64("batches", queue.Stats().Batches), zap.Int("events_refused", left.Refused), zap.Int("events_unknown", left.Unknown))
	return failure
}

// closeServer closes the connections of clients. Every request is answered by now, and its client has a moment to read the
// answer.
func closeServer(server *httpapi.Server, log *zap.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		log.Debug("connections left open", zap.Error(err))
	}
}

// listen opens the address that a flag is set to.
func listen(flag, address string) (net.Listener, error) {
	if _, _, err := splitAddress(flag, address); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program: stop it, or choose another address with %s (%s)", address, flag, variable(flag))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: choose an address of this machine, and a port that this user may listen on, with %s (%s)", err, flag, variable(flag))
	}
	return listener, nil
}

// splitAddress splits the address that a flag is set to. The host may be empty; an address without a port, or with one that
// is none, is a wrongSetting.
func splitAddress(flag, address string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || port == "" {
		return "", "", wrongSetting{fmt.Errorf("%s %q: must be host:port, such as 127.0.0.1:8080", flag, address)}
	}
	return host, port, nil
}
