package postgres

import (
	"testing"

	"ingot/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
