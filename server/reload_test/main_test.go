package reload_test

import (
	"testing"

	"framegate/server/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }
