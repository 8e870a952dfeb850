"""How Windows splits a command line: CommandLineToArgvW, written from its documentation."""


def split_command_line(line: str) -> list[str]:
    """The arguments in a command line; the first is the program, where only quotes count."""
    program, rest = _split_program(line)
    arguments = [program]
    index = 0
    while True:
        while rest[index : index + 1] in (" ", "\t") and index < len(rest):
            index += 1
        if index >= len(rest):
            return arguments
        argument, index = _read_argument(rest, index)
        arguments.append(argument)


def _split_program(line: str) -> tuple[str, str]:
    if line.startswith('"'):
        program, _, rest = line[1:].partition('"')
        return program, rest
    end = min(
        (place for place in (line.find(" "), line.find("\t")) if place >= 0), default=len(line)
    )
    return line[:end], line[end:]


def _read_argument(text: str, index: int) -> tuple[str, int]:
    argument = ""
    quoted = False
    while index < len(text) and (quoted or text[index] not in " \t"):
        slashes = 0
        while text[index : index + 1] == "\\":
            slashes += 1
            index += 1
        if text[index : index + 1] != '"':
            argument += "\\" * slashes
            if index < len(text) and (quoted or text[index] not in " \t"):
                argument += text[index]
                index += 1
            continue
        argument += "\\" * (slashes // 2)
        if slashes % 2:
            argument += '"'
        elif quoted and text[index + 1 : index + 2] == '"':
            argument += '"'
            index += 1
        else:
            quoted = not quoted
        index += 1
    return argument, index
