package proc

import (
	"os/exec"
	"syscall"
)

// StartCommand starts any program on the first processor, in a process group of its
// own that ends with this process. It is the caller's to wait for.
func StartCommand(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return onServerCore(cmd.Start)
}
