package workload

import "fmt"

// The lists below are never written to. They hold letters beyond ASCII on
// purpose, and no character that JSON would have to escape.
var (
	currencies = []string{"EUR", "USD", "IDR", "JPY", "BRL"}
	methods    = []string{"card", "bank-transfer", "wallet", "qris", "invoice"}
	people     = []string{"Siti Rahayu", "Zoë Lefèvre", "Jürgen Groß", "山田太郎", "Ana Conceição", "Olu Adeyemi", "Budi Santoso", "Mary Smith"}
	cities     = []string{"Bandung", "Köln", "São Paulo", "札幌", "Lagos", "Leeds", "Nîmes", "Oslo"}
	products   = []string{"desk-lamp", "kettle", "running-shoe", "usb-cable", "raincoat", "notebook-a5", "headphones", "water-bottle"}
	warehouses = []string{"cgk-1", "cgn-2", "gru-1", "cts-1", "los-3"}
	devices    = []string{"android", "ios", "web", "kiosk"}
	templates  = []string{"receipt", "order-confirmation", "shipping-notice", "password-reset", "welcome"}
)

// The payloads write money with both decimals, and the names of members in no sorted order. A store that reads a payload
// and writes it anew turns 12.50 into 12.5 or sorts the names; an audit that compares bytes finds that.

func appendPayment(dst []byte, d *draw, topic string) []byte {
	return fmt.Appendf(dst,
		`{"payment_id":"pay_%016x","order_id":"ord_%07d","status":"%s","amount":%d.%02d,"currency":"%s","method":"%s","card":{"last4":"%04d","exp":"20%d-%02d"},"attempt":%d,"risk":0.%03d}`,
		d.token(), d.n(1e7), topic, d.between(1, 4999), d.n(100), pick(d, currencies), pick(d, methods),
		d.n(1e4), d.between(27, 34), d.between(1, 12), d.between(1, 3), d.n(1000))
}

func appendOrder(dst []byte, d *draw, topic string) []byte {
	return fmt.Appendf(dst,
		`{"order_id":"ord_%07d","event":"%s","customer":{"id":%d,"name":"%s","city":"%s"},"items":[{"sku":"%s-%03d","qty":%d,"price":%d.%02d},{"sku":"%s-%03d","qty":%d,"price":%d.%02d}],"total":%d.%02d,"gift":%t}`,
		d.n(1e7), topic, d.n(1e6), pick(d, people), pick(d, cities),
		pick(d, products), d.n(1000), d.between(1, 5), d.between(1, 299), d.n(100),
		pick(d, products), d.n(1000), d.between(1, 5), d.between(1, 299), d.n(100),
		d.between(10, 2999), d.n(100), d.n(10) == 0)
}

func appendStock(dst []byte, d *draw, topic string) []byte {
	return fmt.Appendf(dst,
		`{"sku":"%s-%03d","warehouse":"%s","movement":"%s","quantity":%d,"on_hand":%d,"reserved":%d,"shelf":{"aisle":%d,"bay":%d},"weight_kg":%d.%03d,"batch":"%016x"}`,
		pick(d, products), d.n(1000), pick(d, warehouses), topic, d.between(-40, 40), d.n(5000), d.n(200),
		d.between(1, 60), d.between(1, 24), d.n(20), d.n(1000), d.token())
}

func appendUser(dst []byte, d *draw, topic string) []byte {
	return fmt.Appendf(dst,
		`{"user_id":%d,"action":"%s","name":"%s","email":"user%06d@example.com","address":{"city":"%s","zip":"%05d"},"device":"%s","session":"%016x","verified":%t,"referrer":null}`,
		d.n(1e6), topic, pick(d, people), d.n(1e6), pick(d, cities), d.n(1e5), pick(d, devices),
		d.token(), d.n(3) > 0)
}

func appendNotification(dst []byte, d *draw, topic string) []byte {
	return fmt.Appendf(dst,
		`{"message_id":"msg_%016x","kind":"%s","template":"%s","to":{"user_id":%d,"name":"%s","device":"%s"},"locale":"%s","tries":%d,"latency_ms":%d.%d,"variables":["%s",%d,true]}`,
		d.token(), topic, pick(d, templates), d.n(1e6), pick(d, people), pick(d, devices),
		pick(d, []string{"id-ID", "de-DE", "pt-BR", "ja-JP", "en-GB"}), d.between(1, 4), d.n(900), d.n(10),
		pick(d, cities), d.n(1e5))
}
