package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/openline/openline"
)

// newBroker returns the broker of an earlier run, which has left its state in the
// file, or a new one. The file is removed before anything is published: loaded a
// second time it would give places in the order away twice.
func (s *Server) newBroker() (*openline.MemoryBroker, error) {
	o := &openline.MemoryOptions{Budget: s.config.historyBudget()}
	path := s.config.HistoryFile
	if path == "" {
		return openline.NewMemoryBroker(o), nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return openline.NewMemoryBroker(o), s.checkHistoryFile()
	}
	if err != nil {
		return nil, fmt.Errorf("server: history_file: %w", err)
	}
	defer f.Close() //nolint:errcheck // it is read only
	b, err := openline.LoadMemoryBroker(f, o)
	if err != nil {
		return nil, fmt.Errorf("server: history_file: %s: %w. Remove it to begin anew; sessions that come back are told by sys:gap", path, err)
	}
	if err := os.Remove(path); err != nil {
		return nil, fmt.Errorf("server: history_file: %w", err)
	}
	s.log.Info("history loaded", "file", path)
	return b, nil
}

// checkHistoryFile finds out at the start whether there can be a file at the end.
func (s *Server) checkHistoryFile() error {
	f, err := os.CreateTemp(filepath.Dir(s.config.HistoryFile), ".openline-history-")
	if err != nil {
		return fmt.Errorf("server: history_file: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// saveHistory leaves what the next run needs to go on. A file is there whole or not
// at all.
func (s *Server) saveHistory() error {
	if s.memory == nil || s.config.HistoryFile == "" {
		return nil
	}
	path := s.config.HistoryFile
	f, err := os.CreateTemp(filepath.Dir(path), ".openline-history-") // readable by its owner alone
	if err != nil {
		return fmt.Errorf("server: history_file: %w", err)
	}
	err = s.memory.Save(f)
	if e := f.Sync(); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("server: history_file: %w", errors.Join(err, os.Remove(f.Name())))
	}
	s.log.Info("history saved", "file", path)
	return nil
}
