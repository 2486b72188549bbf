/* Promises of net/server.h, kept towards clients that are slow, rude or wrong: raw bytes on a socket. */
#include "test.h"

#include "base/clock.h"
#include "net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { MAX_BODY = 1000 };

static void answer(tn_request *r)
{
    char text[200];
    const char *header[] = {"X-Kind", "echo", NULL};
    snprintf(text, sizeof text, "%s %s %zu", tn_request_method(r), tn_request_path(r), tn_request_body(r).len);
    tn_request_reply(r, 200, "text/plain", tn_str_of(text), header);
}

static void *answer_later(void *r)
{
    usleep(20000);
    answer(r);
    return NULL;
}

static void on_request(void *self, tn_request *r)
{
    pthread_t thread;
    if (strcmp(tn_request_path(r), "/later") == 0 && pthread_create(&thread, NULL, answer_later, r) == 0)
        pthread_detach(thread);
    else
        answer(r);
}

static tn_server *serve(void)
{
    tn_server *s;
    tn_err err;
    ASSERT_OK(tn_server_open(&(tn_server_options){.max_body = MAX_BODY, .timeout_s = 1, .handler = on_request}, &s, &err), &err);
    return s;
}

static int dial(const tn_server *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(tn_server_port(s)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    return fd;
}

/* What the server says until it closes, or until `n_answers` status lines and the last body's end were seen. */
static const char *hear(int fd, int n_answers)
{
    static char text[8192];
    size_t n = 0;
    for (;;) {
        ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        text[n] = 0;
        int answers = 0;
        for (const char *p = text; (p = strstr(p, "HTTP/1.1 ")); p++)
            answers++;
        const char *end = strstr(text, "\r\n\r\n");
        for (int i = 1; end && i < n_answers; i++)
            end = strstr(end + 4, "\r\n\r\n");
        if (answers == n_answers && end && strlen(end) > 4)
            break;
    }
    text[n] = 0;
    return text;
}

static void say(int fd, const char *text, size_t n)
{
    (void)!send(fd, text, n, MSG_NOSIGNAL); /* a server may have hung up on us, rightly */
}

static void still_serves(const tn_server *s)
{
    static const char ask[] = "GET /here HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd = dial(s);
    say(fd, ask, sizeof ask - 1);
    const char *said = hear(fd, 1);
    if (!strstr(said, "HTTP/1.1 200") || !strstr(said, "GET /here 0") || !strstr(said, "X-Kind: echo"))
        fail_msg("the server does not serve any more: %s", said);
    close(fd);
}

static void each_request_has_its_answer(void **state)
{
    static char big[MAX_BODY + 200], over[MAX_BODY + 200], header[100 << 10];
    snprintf(big, sizeof big, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%0*d", MAX_BODY, MAX_BODY, 7);
    snprintf(over, sizeof over, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%0*d", MAX_BODY + 1, MAX_BODY + 1, 7);
    memset(header, 'a', sizeof header - 1);
    memcpy(header, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", 33);
    memcpy(header + sizeof header - 5, "\r\n\r\n", 5);
    const struct {
        const char *name, *text, *wanted[2];
        int n_answers;
    } row[] = {
        {"query is no path", "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", {"200", "GET /a 0"}, 1},
        {"another thread answers", "GET /later HTTP/1.1\r\nHost: x\r\n\r\n", {"200", "GET /later 0"}, 1},
        {"two in one packet", "GET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /two HTTP/1.1\r\nHost: x\r\n\r\n", {"GET /one", "GET /two"}, 2},
        {"a late and an early one keep their order", "GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /two HTTP/1.1\r\nHost: x\r\n\r\n", {"GET /later", "GET /two"}, 2},
        {"chunks", "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", {"200", "POST /c 5"}, 1},
        {"the largest body", big, {"200", "POST /b 1000"}, 1},
        {"a larger body", over, {"413", "larger"}, 1},
        {"no HTTP", "what is this\r\n\r\n", {"HTTP/1.1 4", ""}, 1},
        {"a huge header (its answer may be lost in the reset)", header, {"", ""}, 1},
        {"a lying chunk", "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", {"HTTP/1.1 4", ""}, 1},
    };
    tn_server *s = serve();
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        int fd = dial(s);
        say(fd, row[i].text, strlen(row[i].text));
        const char *said = hear(fd, row[i].n_answers), *first = strstr(said, row[i].wanted[0]);
        if (!first || !strstr(first, row[i].wanted[1]))
            fail_msg("%s: %s", row[i].name, said);
        close(fd);
        still_serves(s);
    }
    tn_server_close(s);
}

static void half_a_request_harms_nobody(void **state)
{
    static const char *const half[] = {"", "G", "GET /", "GET / HTTP/1.1\r\nHost:", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc",
                                       "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"}; /* gone before its answer */
    tn_server *s = serve();
    for (size_t i = 0; i < TN_COUNT(half); i++) {
        int fd = dial(s);
        say(fd, half[i], strlen(half[i]));
        close(fd);
    }
    still_serves(s);
    usleep(50000);
    tn_server_close(s);
}

static void a_slow_client_is_served_a_trickle_is_cut(void **state)
{
    static const char ask[] = "POST /s HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", endless[] = "POST /s HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n";
    tn_server *s = serve();
    int fd = dial(s);
    for (size_t i = 0; i < sizeof ask - 1; i++) {
        say(fd, ask + i, 1);
        usleep(2000);
    }
    assert_non_null(strstr(hear(fd, 1), "POST /s 3"));
    close(fd);
    fd = dial(s);
    say(fd, endless, sizeof endless - 1);
    double start = tn_clock_seconds();
    char c;
    ssize_t got = -1;
    while (got != 0 && tn_clock_seconds() - start < 4) { /* each byte is traffic, so only the body's own limit ends this */
        say(fd, "x", 1);
        usleep(100000);
        got = recv(fd, &c, 1, MSG_DONTWAIT);
        if (got < 0 && errno != EAGAIN)
            break;
    }
    assert_true(tn_clock_seconds() - start < 3);
    close(fd);
    still_serves(s);
    tn_server_close(s);
}

static void addresses_are_checked(void **state)
{
    tn_server *s = serve(), *other;
    tn_err err;
    ASSERT_FAILS(tn_server_open(&(tn_server_options){.port = tn_server_port(s), .handler = on_request}, &other, &err), TN_EIO, &err);
    ASSERT_FAILS(tn_server_open(&(tn_server_options){.address = "localhost", .handler = on_request}, &other, &err), TN_EINVALID, &err);
    tn_mem_fail_at(1);
    ASSERT_FAILS(tn_server_open(&(tn_server_options){.handler = on_request}, &other, &err), TN_ENOMEM, &err);
    tn_mem_fail_at(0);
    tn_server_quiesce(s);
    tn_server_close(s);
    tn_server_close(NULL);
}

int main(void)
{
    const struct CMUnitTest test[] = {
        cmocka_unit_test(each_request_has_its_answer),
        cmocka_unit_test(half_a_request_harms_nobody),
        cmocka_unit_test(a_slow_client_is_served_a_trickle_is_cut),
        cmocka_unit_test(addresses_are_checked),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
