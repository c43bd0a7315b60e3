# bash completion for memsweep
_memsweep() {
    local current=${COMP_WORDS[COMP_CWORD]} words
    if [[ $current == -* ]]; then
        words=$("${COMP_WORDS[@]:0:COMP_CWORD}" "$current" --generate-bash-completion 2>/dev/null)
    else
        words=$("${COMP_WORDS[@]:0:COMP_CWORD}" --generate-bash-completion 2>/dev/null)
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o bashdefault -o default -F _memsweep memsweep
