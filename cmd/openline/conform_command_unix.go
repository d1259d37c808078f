//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// endWithChildren has the end of the command's context end all that it started:
// a script that runs the client goes on otherwise, without the script.
func endWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// endChildren ends what a command that has ended left behind: one process for
// each case would be hundreds.
func endChildren(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}
