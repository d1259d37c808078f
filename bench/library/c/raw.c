/* A TCP echo on epoll: what the system alone costs. It answers octets, not frames. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char buf[1 << 18];

int main(void) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	int l = socket(AF_INET, SOCK_STREAM, 0), ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN, .data.fd = l}, events[256];
	if (bind(l, (void *)&a, len) || listen(l, 4096) || getsockname(l, (void *)&a, &len)) return 1;
	printf("127.0.0.1:%d\n", ntohs(a.sin_port));
	fflush(stdout);
	epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
	for (;;) {
		int n = epoll_wait(ep, events, 256, -1);
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == l) {
				int c = accept(l, NULL, NULL), one = 1;
				setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
				e.data.fd = c;
				epoll_ctl(ep, EPOLL_CTL_ADD, c, &e);
				continue;
			}
			ssize_t k = read(fd, buf, sizeof buf), sent = 0;
			while (sent < k) {
				ssize_t w = write(fd, buf + sent, k - sent);
				if (w <= 0) break;
				sent += w;
			}
			if (k <= 0) close(fd);
		}
	}
}
