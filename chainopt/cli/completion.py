"""The scripts with which shells complete the words of a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHELLS = ("bash", "zsh", "fish")

_BASH = """_chainopt() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" words
    case "${{COMP_WORDS[1]}}" in
{cases}
        *) words="{commands}";;
    esac
    [ "$COMP_CWORD" -eq 1 ] && words="{commands}"
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    case "$word" in -*) ;; *) [ "$COMP_CWORD" -gt 1 ] && COMPREPLY+=($(compgen -f -- "$word"));; esac
}}
complete -o filenames -F _chainopt chainopt"""


def completion(shell: str, options: Mapping[str, Sequence[str]]) -> str:
    """Return the script of a shell that completes commands and their options.

    Parameters
    ----------
    shell : {"bash", "zsh", "fish"}
        Which shell.
    options : dict
        The options of each command.

    Examples
    --------
    >>> print(completion("fish", {"order": ["--json"]}))
    complete -c chainopt -n __fish_use_subcommand -a order
    complete -c chainopt -n '__fish_seen_subcommand_from order' -l json
    """
    if shell == "fish":
        lines = [f"complete -c chainopt -n __fish_use_subcommand -a {command}" for command in options]
        for command, names in options.items():
            seen = f"-n '__fish_seen_subcommand_from {command}'"
            lines += [f"complete -c chainopt {seen} -l {name.removeprefix('--')}" for name in names]
        return "\n".join(lines)
    cases = "\n".join(f'        {command}) words="{" ".join(names)}";;' for command, names in options.items())
    script = _BASH.format(cases=cases, commands=" ".join(options))
    return script if shell == "bash" else f"autoload -U +X bashcompinit && bashcompinit\n{script}"
