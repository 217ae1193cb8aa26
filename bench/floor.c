/*
 * The floor of the benchmark: as little work as a relay can do, to show how much of a proxy's cost is the kernel's.
 *
 *   floor PORT                  reads one SOCKS5 or CONNECT request for an IPv4 address, then relays
 *   floor PORT TARGET_PORT      relays to 127.0.0.1:TARGET_PORT without any handshake
 *
 * One thread, level-triggered epoll, one 256 KiB buffer, a read and a write while full buffers come in. It is no proxy
 * anybody should run: no deadlines, no authentication, no checks, no log, and a request must arrive in one piece.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum state { GREETING, REQUEST, DIALLING, RELAYING, DEAD };

struct end {
  int fd;
  enum state state;
  struct end *peer;
  struct end *grave;   /* next one to free after this batch of events */
  char *rest;          /* what the kernel did not take, to be written to fd */
  size_t from, left;
  int http, ended;     /* ended: this side has sent its FIN */
};

static const char SOCKS_METHOD[2] = {5, 0};
static const char SOCKS_OK[10] = {5, 0, 0, 1};
static const char HTTP_OK[] = "HTTP/1.1 200 Connection established\r\n\r\n";

static int poller;
static struct sockaddr_in fixed;
static struct end *graveyard;
static char buffer[256 * 1024];

static void watch(int op, struct end *end, unsigned events) {
  struct epoll_event event = {.events = events, .data.ptr = end};
  epoll_ctl(poller, op, end->fd, &event);
}

static struct end *adopt(int fd, enum state state) {
  struct end *end = calloc(1, sizeof *end);
  end->fd = fd;
  end->state = state;
  return end;
}

static void bury(struct end *end) {
  if (end == NULL || end->state == DEAD) return;
  close(end->fd);
  free(end->rest);
  end->rest = NULL;
  end->state = DEAD;
  end->grave = graveyard;
  graveyard = end;
  bury(end->peer);
}

static void dial(struct end *client, const struct sockaddr_in *target) {
  struct end *remote = adopt(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), DIALLING);
  remote->peer = client;
  client->peer = remote;
  client->state = DIALLING;
  if (connect(remote->fd, (const struct sockaddr *)target, sizeof *target) < 0 && errno != EINPROGRESS) {
    bury(client);
    return;
  }
  watch(EPOLL_CTL_ADD, remote, EPOLLOUT);
}

static void dialled(struct end *remote) {
  struct end *client = remote->peer;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(remote->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    bury(remote);
    return;
  }
  remote->state = client->state = RELAYING;
  watch(EPOLL_CTL_MOD, remote, EPOLLIN);
  if (fixed.sin_port != 0) watch(EPOLL_CTL_ADD, client, EPOLLIN);
  else if (client->http) send(client->fd, HTTP_OK, sizeof HTTP_OK - 1, 0);
  else send(client->fd, SOCKS_OK, sizeof SOCKS_OK, 0);
}

static void handshake(struct end *client) {
  struct sockaddr_in target = {.sin_family = AF_INET};
  ssize_t size = recv(client->fd, buffer, 4096, 0);
  if (size <= 0) {
    bury(client);
    return;
  }
  buffer[size] = 0;
  if (client->state == GREETING && buffer[0] == 5) {
    client->state = REQUEST;
    send(client->fd, SOCKS_METHOD, sizeof SOCKS_METHOD, 0);
    return;
  }
  if (client->state == REQUEST && size >= 10 && buffer[3] == 1) {
    memcpy(&target.sin_addr, buffer + 4, 4);
    memcpy(&target.sin_port, buffer + 8, 2);
  } else {
    char host[16];
    unsigned port;
    if (sscanf(buffer, "CONNECT %15[0-9.]:%u HTTP/1.", host, &port) != 2) {
      bury(client);
      return;
    }
    client->http = 1;
    inet_pton(AF_INET, host, &target.sin_addr);
    target.sin_port = htons(port);
  }
  dial(client, &target);
}

/* The other side may read on; a FIN that had to wait for the rest goes out now. */
static void flush(struct end *end) {
  ssize_t sent = send(end->fd, end->rest + end->from, end->left, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN) bury(end);
    return;
  }
  end->from += sent;
  end->left -= sent;
  if (end->left > 0) return;
  free(end->rest);
  end->rest = NULL;
  watch(EPOLL_CTL_MOD, end, end->ended || end->peer->left > 0 ? 0 : EPOLLIN);
  watch(EPOLL_CTL_MOD, end->peer, (end->peer->ended ? 0 : EPOLLIN) | (end->peer->left > 0 ? EPOLLOUT : 0));
}

static void keep(struct end *to, size_t sent, size_t size) {
  to->rest = malloc(size - sent);
  memcpy(to->rest, buffer + sent, size - sent);
  to->from = 0;
  to->left = size - sent;
  watch(EPOLL_CTL_MOD, to->peer, to->peer->left > 0 ? EPOLLOUT : 0);
  watch(EPOLL_CTL_MOD, to, (to->ended || to->peer->left > 0 ? 0 : EPOLLIN) | EPOLLOUT);
}

/* One read and one write; whether the same side is likely to have more at once. */
static int pass(struct end *from) {
  struct end *to = from->peer;
  ssize_t size = recv(from->fd, buffer, sizeof buffer, 0);
  if (size < 0) {
    if (errno != EAGAIN) bury(from);
    return 0;
  }
  if (size == 0) {
    /* A side is read only while nothing waits to be written to the other one, so the FIN cannot overtake data. */
    from->ended = 1;
    if (to->ended) {
      bury(from);
      return 0;
    }
    shutdown(to->fd, SHUT_WR);
    watch(EPOLL_CTL_MOD, from, from->left > 0 ? EPOLLOUT : 0);
    return 0;
  }
  ssize_t sent = send(to->fd, buffer, size, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) bury(from);
  else if (sent < size) keep(to, sent < 0 ? 0 : sent, size);
  return sent == sizeof buffer;
}

/* libuv reads on in the same way, as often as 32 times: without it the floor would lie above Node. */
static void relay(struct end *from) {
  for (int turn = 0; turn < 32 && pass(from); turn++);
}

static void welcome(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    struct end *client = adopt(fd, GREETING);
    if (fixed.sin_port != 0) dial(client, &fixed);
    else watch(EPOLL_CTL_ADD, client, EPOLLIN);
  }
}

static void serve(struct end *end, unsigned events) {
  if (end->state == DEAD) return;
  if (end->state == DIALLING) {
    /* A client that speaks or leaves early waits: level-triggered epoll will say it again. */
    if (events & (EPOLLOUT | EPOLLERR)) dialled(end);
    return;
  }
  if (end->state != RELAYING) {
    handshake(end);
    return;
  }
  if (events & EPOLLERR) {
    bury(end);
    return;
  }
  if (events & EPOLLOUT && end->left > 0) flush(end);
  if (end->state == RELAYING && events & EPOLLIN && end->peer->left == 0) relay(end);
  else if (end->state == RELAYING && events & EPOLLHUP && end->left == 0 && end->peer->left == 0) bury(end);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  struct sockaddr_in self = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (argc > 2) fixed = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argv[2])), .sin_addr = self.sin_addr};
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&self, sizeof self) < 0 || listen(listener, 4096) < 0) {
    perror("floor");
    return 1;
  }
  signal(SIGPIPE, SIG_IGN);
  poller = epoll_create1(0);
  struct epoll_event door = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &door);
  for (;;) {
    struct epoll_event events[256];
    int count = epoll_wait(poller, events, 256, -1);
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr == NULL) welcome(listener);
      else serve(events[i].data.ptr, events[i].events);
    }
    while (graveyard != NULL) {
      struct end *next = graveyard->grave;
      free(graveyard);
      graveyard = next;
    }
  }
}
