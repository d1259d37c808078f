package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
)

// nginxModule is where Debian's libnginx-mod-nchan puts it.
const nginxModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

// nginxProgram finds nginx, which is not on everybody's path.
func nginxProgram() (string, error) {
	if path, err := exec.LookPath("nginx"); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/nginx")
}

func nginxMissing(context.Context) error {
	if _, err := nginxProgram(); err != nil {
		return errors.New("there is no nginx here (Debian: nginx-light)")
	}
	if _, err := os.Stat(nginxModule); err != nil {
		return errors.New("nginx has no Nchan here (Debian: libnginx-mod-nchan)")
	}
	return nil
}

// nginxConfig is one worker, without logs and without a limit of requests on a
// connection; the module's own settings are its defaults, but that a session begins
// with what is new.
const nginxConfig = `load_module %s;
daemon off;
worker_processes 1;
pid nginx.pid;
%s
events { worker_connections %d; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen %s backlog=4096;
    location ~ ^/subscribe/(\w+)$ {
      nchan_subscriber websocket;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
    }
    location ~ ^/publish/(\w+)$ {
      nchan_publisher http;
      nchan_channel_id $1;
    }
  }
}
`

func nginxCommand(w *workshop, addr netip.AddrPort) (*exec.Cmd, error) {
	dir, err := os.MkdirTemp(w.dir, "nginx-")
	if err != nil {
		return nil, err
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // its workers could not write here as anybody else
	}
	config := fmt.Sprintf(nginxConfig, nginxModule, user, 2*descriptors, addr)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	program, err := nginxProgram()
	if err != nil {
		return nil, err
	}
	return exec.Command(program, "-p", dir, "-c", "nginx.conf", "-e", "error.log"), nil
}
