package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"ingot/internal/event"
)

// lagTimeout is how long a request for /metrics waits for the database. It is short because the other figures are needed most
// while the database does not answer. A guess.
const lagTimeout = time.Second

// lag shows how far each subscription is behind. It asks the database at each request for /metrics. If the database does not
// answer, lag shows nothing: the figures last known would look as if all were well.
type lag struct {
	each            func(context.Context, func(*event.Subscription) error) error
	events, seconds *prometheus.Desc
	log             *zap.Logger
}

func newLag(each func(context.Context, func(*event.Subscription) error) error, log *zap.Logger) *lag {
	of := []string{"subscription"}
	return &lag{
		each:    each,
		log:     log,
		events:  prometheus.NewDesc("ingot_subscription_lag_events", "Events in the whole feed after the subscription's place; the same from every process.", of, nil),
		seconds: prometheus.NewDesc("ingot_subscription_lag_seconds", "Time since the first of them was committed.", of, nil),
	}
}

// Describe implements prometheus.Collector.
func (l *lag) Describe(into chan<- *prometheus.Desc) {
	into <- l.events
	into <- l.seconds
}

// Collect implements prometheus.Collector.
func (l *lag) Collect(into chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lagTimeout)
	defer cancel()
	var subscriptions []event.Subscription
	err := l.each(ctx, func(s *event.Subscription) error {
		subscriptions = append(subscriptions, event.Subscription{Name: s.Name, LagEvents: s.LagEvents, Lag: s.Lag}) // not its topics
		return nil
	})
	if err != nil {
		l.log.Debug("cannot read the lag of subscriptions", zap.Error(err))
		return
	}
	for _, s := range subscriptions {
		into <- prometheus.MustNewConstMetric(l.events, prometheus.GaugeValue, float64(s.LagEvents), s.Name)
		into <- prometheus.MustNewConstMetric(l.seconds, prometheus.GaugeValue, s.Lag.Seconds(), s.Name)
	}
}
