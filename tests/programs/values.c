/* Values to find again in a dump: on the stack, behind a pointer, in a thread of its own. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct mesh {
    char name[24];
    double weights[3];
    int *vertices;
};

static volatile double sum;

__attribute__((noinline)) static int draw(struct mesh *mesh, const char *label)
{
    volatile char local[32] = "a local of draw";
    for (int i = 0; i < 3; i++) sum += mesh->weights[i];
    return mesh->vertices[local[0] - 'a'] + (int)strlen(label);
}

static void *work(void *unused)
{
    struct mesh *mesh = calloc(1, sizeof *mesh);
    volatile char local[32] = "a local of work";
    strcpy(mesh->name, "a mesh on the heap");
    mesh->weights[0] = 0.5;
    sum = draw(mesh, "a label") + local[1];
    return unused;
}

int main(int count, char **arguments)
{
    volatile char local[32] = "a local of main";
    (void)arguments;
    if (count > 1) {
        pthread_t thread;
        if (pthread_create(&thread, 0, work, 0)) return 99;
        pthread_join(thread, 0);
    }
    work(0);
    return local[0];
}
