/* Four tests: one passes, one crashes, one wants its child to abort, one never ends. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct item {
    const char *name;
    int cents;
};

static struct item *volatile cheapest;

static int price_of(struct item *item) { return item->cents; }

static int cart(void) { return 0; }

static int price(void) { return price_of(cheapest); }

static void CheckoutDeathTest_refuses_an_empty_cart(void) { abort(); }

static int checkout(void)
{
    int status;
    pid_t child = fork();
    if (child == 0) CheckoutDeathTest_refuses_an_empty_cart();
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 0 : 1;
}

static pthread_mutex_t shelf = PTHREAD_MUTEX_INITIALIZER;

static int stock(void)
{
    pthread_mutex_lock(&shelf);
    return pthread_mutex_lock(&shelf);
}

int main(int count, char **words)
{
    const char *name = count > 1 ? words[1] : "";
    if (!strcmp(name, "cart")) return cart();
    if (!strcmp(name, "price")) return price();
    if (!strcmp(name, "CheckoutDeathTest")) return checkout();
    return stock();
}
