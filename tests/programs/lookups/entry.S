# Entry code as kernels have it: macros, functions with and without sizes, labels, padding.
        .macro SAVE first:req, rest:vararg
        pushq   %\first
        .ifnb   \rest
        SAVE    \rest
        .endif
        .endm
        .section .head.text, "ax"
        .globl  startup
startup:
        cli
        leaq    stack_top(%rip), %rsp
        call    start_kernel
1:      hlt
        jmp     1b

        .text
        .globl  fast_copy
        .type   fast_copy, @function
        .p2align 6, 0x90
fast_copy:
        .cfi_startproc
        movq    %rdx, %rcx
        movq    %rdi, %rax
        cmpq    $64, %rdx
        jb      .Lsmall
        rep movsb
        ret
.Lsmall:
        .rept   8
        movb    (%rsi), %dl
        movb    %dl, (%rdi)
        incq    %rsi
        incq    %rdi
        .endr
        ret
        .cfi_endproc
        .size   fast_copy, . - fast_copy

        .globl  switch_to
        .type   switch_to, @function
        .p2align 4, 0xcc
switch_to:
        SAVE    rbx, rbp, r12, r13, r14, r15
        movq    %rsp, 16(%rdi)
        movq    16(%rsi), %rsp
switch_to_end:
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        ret
        .size   switch_to, . - switch_to

        .macro VECTOR number
        .globl  vector_\number
        .p2align 3
vector_\number:
        pushq   $\number
        jmp     common
        .endm
        .section .entry.text, "ax"
        .set    n, 0
        .altmacro
        .rept   64
        VECTOR  %n
        .set    n, n + 1
        .endr
        .type   common, @function
common:
        SAVE    rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11
        incq    entry_count(%rip)
        leaq    72(%rsp), %rdi
        call    schedule
        addq    $72, %rsp
        iretq
        .size   common, . - common

        .bss
        .globl  entry_count
entry_count: .skip 8
        .skip   4096
stack_top:
        .section .note.GNU-stack, "", @progbits
