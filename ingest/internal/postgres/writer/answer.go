package writer

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// ask sends messages that form one Query, or end with a Sync, and reads the answer as readAnswer does. It gives the
// connection up when ctx ends.
func (s *session) ask(ctx context.Context, messages []byte, row func(done int, values [][]byte)) (answered, error) {
	defer context.AfterFunc(ctx, s.giveUp)()
	if _, err := s.conn.Conn().Write(messages); err != nil {
		s.giveUp() // a half message cannot be taken back
		return answered{}, fmt.Errorf("send the statements: %w", err)
	}
	return s.readAnswer(row)
}

// answered is the answer to the commands of one Query, or up to one Sync.
type answered struct {
	done   int    // commands that were completed
	tag    []byte // command tag of the last of them
	before []byte // that of the last but one
	warned bool   // a warning came with the last of them, or after it
}

// readAnswer reads an answer to its end. It calls row for each row, with the number of commands that were completed
// before that row; values may be used only until row returns. The error comes from the server or the connection. A
// warning of an earlier command, such as that transaction ids are running out, says nothing about the last, the COMMIT.
func (s *session) readAnswer(row func(done int, values [][]byte)) (a answered, err error) {
	a.tag, a.before = make([]byte, 0, 32), make([]byte, 0, 32) // a tag is short
	for {
		message, failed := s.conn.ReceiveMessage(context.Background()) // ended by the read deadline, or by giveUp
		if failed != nil {
			s.giveUp()
			return a, fmt.Errorf("wait for the answer: %w", failed)
		}
		switch m := message.(type) {
		case *pgproto3.DataRow:
			row(a.done, m.Values)
		case *pgproto3.CommandComplete:
			a.done++
			a.tag, a.before = append(a.before[:0], m.CommandTag...), a.tag
			a.warned, s.warned = s.warned, false
		case *pgproto3.ErrorResponse:
			err = pgconn.ErrorResponseToPgError(m)
		case *pgproto3.ReadyForQuery:
			a.warned = a.warned || s.warned
			return a, err
		}
	}
}

// giveUp closes the socket: reads from the connection and writes to it fail, now and later.
func (s *session) giveUp() {
	s.broken.Store(true)
	_ = s.conn.Conn().Close()
}
