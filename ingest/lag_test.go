package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/zap"

	"ingot/internal/event"
)

// TestLagOfSubscriptions: two figures for each, and none, without harm to the others, when the database fails or hangs.
func TestLagOfSubscriptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		each func(context.Context, func(*event.Subscription) error) error
		want string // of the text format, besides what has nothing to do with it
	}{
		"two": {func(_ context.Context, f func(*event.Subscription) error) error {
			return errors.Join(f(&event.Subscription{Name: "a", LagEvents: 12, Lag: 1500 * time.Millisecond}), f(&event.Subscription{Name: "b"}))
		}, `# HELP ingot_subscription_lag_events Events in the whole feed after the subscription's place; the same from every process.
# TYPE ingot_subscription_lag_events gauge
ingot_subscription_lag_events{subscription="a"} 12
ingot_subscription_lag_events{subscription="b"} 0
# HELP ingot_subscription_lag_seconds Time since the first of them was committed.
# TYPE ingot_subscription_lag_seconds gauge
ingot_subscription_lag_seconds{subscription="a"} 1.5
ingot_subscription_lag_seconds{subscription="b"} 0
`},
		"fails": {func(_ context.Context, f func(*event.Subscription) error) error {
			return errors.Join(f(&event.Subscription{Name: "a"}), errors.New("away"))
		}, ""},
		"hangs": {func(ctx context.Context, _ func(*event.Subscription) error) error {
			<-ctx.Done()
			return ctx.Err()
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := prometheus.NewRegistry()
				r.MustRegister(newLag(c.each, zap.NewNop()), prometheus.NewGauge(prometheus.GaugeOpts{Name: "other", Help: "x"}))
				families, err := r.Gather()
				if err != nil {
					t.Fatal(err)
				}
				var text strings.Builder
				for _, family := range families {
					if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
						t.Fatal(err)
					}
				}
				if want := c.want + "# HELP other x\n# TYPE other gauge\nother 0\n"; text.String() != want {
					t.Errorf("got\n%swant\n%s", &text, want)
				}
			})
		})
	}
}
