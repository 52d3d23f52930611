package main

import (
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLog writes to standard error: JSON, one object a line, or lines for people when that is a terminal. Whoever logs does
// not wait until the line is written; end waits for the last lines, for a moment (lastLinesTimeout).
func newLog(level string) (log *zap.Logger, end func(), err error) {
	parsed, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, nil, err
	}
	encoder, options := zapcore.NewJSONEncoder(forMachines()), []zap.Option{zap.AddCaller()}
	if isTerminal(os.Stderr) {
		encoder, options = zapcore.NewConsoleEncoder(forPeople()), nil
	}
	atOnce := zap.New(zapcore.NewCore(encoder, os.Stderr, parsed), options...)
	async := writeAsync(os.Stderr, func(lines int64) {
		atOnce.Warn("log lines were lost here: the reader of the log did not keep up", zap.Int64("lines", lines))
	})
	return zap.New(zapcore.NewCore(encoder, zapcore.AddSync(async), parsed), options...), async.end, nil
}

func forMachines() zapcore.EncoderConfig {
	config := zap.NewProductionEncoderConfig()
	config.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	return config
}

func forPeople() zapcore.EncoderConfig {
	config := zap.NewDevelopmentEncoderConfig()
	config.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	config.EncodeLevel = zapcore.CapitalColorLevelEncoder
	return config
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
