package writer

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// A trigger that runs before each row may keep a row out without an error: it returns NULL. Such a row is not in the answer
// to a merge, like one whose key exists, and the direct path does not notice at all. So where there is such a trigger:
//
//   - a session knows of it from its beginning (beforeRow), every batch is staged, and keys that the merge did not
//     return are looked up before the COMMIT. One that is not there was withheld: its request is refused, as if the
//     trigger had raised an exception.
//   - A session that began before the trigger was made can store nothing: its row of the log refuses any such trigger
//     (noneBeforeRows). The next session knows of it. Nobody can make one between a batch's rows and its row of the log, because
//     that waits for whoever has written rows.

const beforeRows = "SELECT FROM pg_trigger WHERE tgrelid = 'ingot.events'::regclass AND " + postgres.BeforeInsert

// mayWithhold counts what may keep rows out. Where somebody has partitioned the table, each partition may have such a trigger, and
// may get one at any time: such a table counts as if it had one.
const mayWithhold = "SELECT (SELECT count(*) FROM (" + beforeRows + ") AS triggers) + (SELECT count(*) FROM pg_class WHERE oid = 'ingot.events'::regclass AND relkind = 'p')"

// noneBeforeRows is a condition of the log's row, for sessions that began without such a trigger.
const noneBeforeRows = "AND NOT EXISTS (" + beforeRows + ")"

// checkWithheld fails if a trigger has kept out a row of the merge that has just been made.
func (s *session) checkWithheld(ctx context.Context, b *batch) error {
	if !s.beforeRow {
		return nil
	}
	var ids, topics []string
	for at, e := range event.Each(b.Groups) {
		if !b.stored[at] && (b.known == nil || !b.known[at]) {
			ids, topics = append(ids, e.ID), append(topics, e.Topic)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	params := [][]byte{appendTextArray(nil, ids), appendTextArray(nil, topics)}
	found := s.conn.ExecParams(ctx, lookUpQuery, params, []uint32{pgtype.TextArrayOID, pgtype.TextArrayOID}, binaryFormat, nil).Read()
	switch {
	case found.Err != nil:
		return unavailable(fmt.Errorf("look for rows that a trigger may have kept out: %w", found.Err))
	case len(found.Rows) > 0:
		return &event.BadDataError{Err: fmt.Errorf("merge: %d events became no rows, without an error", len(found.Rows)), By: "a trigger"}
	}
	return nil
}

// errNotLogged is in the error of a batch that was committed without its row of the log. No fence can tell more of it:
// finding no such row, it would say that nothing was committed.
var errNotLogged = errors.New("the batch's row of the log was kept out: has somebody put a trigger or a rule on ingot.batches? ingest verify tells what is wrong")

// judgeLogged judges a batch that was committed by the tag of the statement that writes the log's row: if a trigger or rule that
// somebody has just made has kept that row out, readers do not find the batch's events.
func judgeLogged(tag string) error {
	if tag != "INSERT 0 1" {
		return &event.UnknownError{Err: errNotLogged}
	}
	return nil
}
