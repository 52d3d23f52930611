package main

import (
	"errors"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"go.uber.org/zap"
)

// serveDebug answers /debug/pprof/ on an address of its own, never on the one that
// clients use. stop ends that and waits for its end.
func serveDebug(address string, log *zap.Logger) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	listener, err := listen("--debug-listen", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { // ends with Close, awaited in stop
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("debug listener failed", zap.Error(err))
		}
	})
	log.Info("debugging", zap.String("open", "http://"+listener.Addr().String()+"/debug/pprof/"))
	warnOfOpenProfiles(listener.Addr(), log)
	return func() {
		_ = server.Close()
		serving.Wait()
	}, nil
}
