/* A game that crashes at its first frame: what the demo runs. Linux x86-64, without a C library. */

struct mesh {
    const char *name;
    const float *vertices;
    int vertex_count;
};

static const float ground[] = {0, 0, 1, 0, 0, 1};

static float sum;

static void draw_mesh(const struct mesh *mesh)
{
    for (int i = 0; i < mesh->vertex_count; i++)
        sum += mesh->vertices[i];
}

static void draw_frame(const struct mesh *meshes, int count)
{
    for (int i = 0; i < count; i++)
        draw_mesh(&meshes[i]);
}

static int play_level(int level)
{
    struct mesh meshes[] = {
        {"ground", ground, 6},
        {"dragon", 0, 9}, /* its file was never loaded */
    };
    for (int frame = 0; frame < 60; frame++)
        draw_frame(meshes, 2);
    return level + 1;
}

int main(void)
{
    return play_level(3);
}

/* The stack's first frame, which ends the process with main's result (exit is call 60). */
__asm__(".globl _start\n"
        ".type _start, @function\n"
        "_start: .cfi_startproc\n"
        "  .cfi_undefined rip\n"
        "  xor %ebp, %ebp\n"
        "  and $-16, %rsp\n"
        "  call main\n"
        "  mov %eax, %edi\n"
        "  mov $60, %eax\n"
        "  syscall\n"
        "  .cfi_endproc\n"
        ".size _start, . - _start\n");
