; What nasm writes: DWARF without any function, or lines alone.
        default rel
        global  _start, sum, clear
        section .text
_start: lea     rdi, [numbers]
        mov     esi, 64
        call    sum
        mov     edi, eax
        mov     eax, 60
        syscall
sum:    xor     eax, eax
.next:  add     eax, [rdi]
        add     rdi, 4
        dec     esi
        jnz     .next
        ret
        align   64
clear:
%rep 200
        mov     dword [rdi], 0
        add     rdi, 4
%endrep
        ret
        section .extra exec align=32
        global  tail
%macro  step 2
        lea     %1, [%1 + %2]
        xor     %1, %2
%endmacro
tail:
%assign i 0
%rep 100
        step    rax, i
        step    rdx, 3
%assign i i+1
%endrep
        ret
        section .data
numbers: times 64 dd 7
