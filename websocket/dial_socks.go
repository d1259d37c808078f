package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
)

// The octets of SOCKS 5 (RFC 1928, RFC 1929).
const (
	socksVersion     = 5
	socksNoAuth      = 0
	socksPassword    = 2
	socksConnectCmd  = 1
	socksIPv4        = 1
	socksName        = 3
	socksIPv6        = 4
	socksAuthVersion = 1
)

var socksReplies = []string{
	"succeeded", "general failure", "connection not allowed by its rules", "network unreachable",
	"host unreachable", "connection refused", "time to live expired", "command not supported", "address type not supported",
}

// socksConnect asks a SOCKS 5 proxy for a connection to address. With the
// scheme socks5h the proxy resolves the name, with socks5 this end does.
func socksConnect(ctx context.Context, nc net.Conn, proxy *url.URL, address string) error {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return err
	}
	if err := socksGreet(nc, proxy.User); err != nil {
		return err
	}
	ip := net.ParseIP(host)
	if ip == nil && proxy.Scheme == "socks5" {
		ips, err := net.DefaultResolver.LookupIP(ctx, "ip", host)
		if err != nil {
			return err
		}
		ip = ips[0]
	}
	b := []byte{socksVersion, socksConnectCmd, 0}
	switch {
	case ip == nil && len(host) > 255:
		return errors.New("host name over 255 octets")
	case ip == nil:
		b = append(append(b, socksName, byte(len(host))), host...)
	case ip.To4() != nil:
		b = append(append(b, socksIPv4), ip.To4()...)
	default:
		b = append(append(b, socksIPv6), ip...)
	}
	if _, err := nc.Write(append(b, byte(port>>8), byte(port))); err != nil {
		return err
	}
	return socksReply(nc)
}

// socksGreet agrees on a method and authenticates with it.
func socksGreet(nc net.Conn, user *url.Userinfo) error {
	methods := []byte{socksNoAuth}
	if user != nil {
		methods = append(methods, socksPassword)
	}
	if _, err := nc.Write(append([]byte{socksVersion, byte(len(methods))}, methods...)); err != nil {
		return err
	}
	var answer [2]byte
	if _, err := io.ReadFull(nc, answer[:]); err != nil {
		return err
	}
	switch {
	case answer[0] != socksVersion:
		return errors.New("it does not speak SOCKS 5")
	case answer[1] == socksNoAuth:
		return nil
	case answer[1] != socksPassword || user == nil:
		return errors.New("it wants an authentication that is not offered")
	}
	password, _ := user.Password()
	name := user.Username()
	if len(name) > 255 || len(password) > 255 || name == "" {
		return errors.New("user name and password must have 1 to 255 octets")
	}
	b := append([]byte{socksAuthVersion, byte(len(name))}, name...)
	b = append(append(b, byte(len(password))), password...)
	if _, err := nc.Write(b); err != nil {
		return err
	}
	if _, err := io.ReadFull(nc, answer[:]); err != nil {
		return err
	}
	if answer[1] != 0 {
		return errors.New("it refuses the user name and password")
	}
	return nil
}

// socksReply reads the answer to the request, to its last octet and no further.
func socksReply(nc net.Conn) error {
	var head [5]byte
	if _, err := io.ReadFull(nc, head[:]); err != nil {
		return err
	}
	if head[0] != socksVersion {
		return errors.New("it does not speak SOCKS 5")
	}
	if code := int(head[1]); code != 0 {
		reason := "unknown reason"
		if code < len(socksReplies) {
			reason = socksReplies[code]
		}
		return fmt.Errorf("it refuses with code %d: %s", code, reason)
	}
	rest := 0 // of the bound address behind its first octet, and the port
	switch head[3] {
	case socksIPv4:
		rest = net.IPv4len - 1 + 2
	case socksIPv6:
		rest = net.IPv6len - 1 + 2
	case socksName:
		rest = int(head[4]) + 2
	default:
		return errors.New("its answer has an unknown address type")
	}
	_, err := io.ReadFull(nc, make([]byte, rest))
	return err
}
