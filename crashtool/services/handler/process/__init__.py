"""A process under ptrace: started, stopped, read and written, in the words of the kernel."""
