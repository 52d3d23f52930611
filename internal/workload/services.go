package workload

// service is one sender of the shop: its name becomes the source of its events.
type service struct {
	name    string
	topics  []string
	payload func(dst []byte, d *draw, topic string) []byte
}

// services is never written to. Reordering it, or its topics, changes what every
// seed means: old runs could no longer be repeated.
var services = [...]service{
	{"payment-service", []string{"payment-initiated", "payment-processed", "payment-failed", "payment-refunded"}, appendPayment},
	{"order-service", []string{"order-created", "order-paid", "order-shipped", "order-cancelled"}, appendOrder},
	{"inventory-service", []string{"stock-reserved", "stock-released", "stock-adjusted", "stock-depleted"}, appendStock},
	{"user-service", []string{"user-registered", "user-logged-in", "user-updated", "user-deleted"}, appendUser},
	{"notification-service", []string{"email-sent", "sms-sent", "push-delivered", "notification-failed"}, appendNotification},
}
