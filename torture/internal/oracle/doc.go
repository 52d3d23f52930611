// Package oracle records what clients asked and what they were told, and checks both against the
// promise of docs/reliability.md. The torture tests own one History per run: its clients write each
// attempt down before it is sent and again once it is answered, its readers report what the feed
// shows them, and in the end the table is judged.
//
//	attempt.go    one try at one event, and its fate
//	history.go    all attempts in order; what can be judged at once is judged at once
//	rules.go      the rules about a key: its attempts against its rows
//	table.go      the table in the middle of a run and at its end; totals
//	feed.go       what readers of the feed saw
//	excuse.go     why an answer may be missing
//	violation.go  a broken rule, reported so that one can see what happened
//
// Time is a tick: each entry takes the next. An attempt could have come before an answer if it was
// sent at a smaller tick than the answer was read at.
//
// A History is safe for concurrent use. It starts nothing.
package oracle
