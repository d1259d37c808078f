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
