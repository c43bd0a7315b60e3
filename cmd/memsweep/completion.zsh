#compdef memsweep
# zsh completion for memsweep
_memsweep() {
    local -a choices
    local current=${words[CURRENT]}
    if [[ $current == -* ]]; then
        choices=("${(@f)$(_CLI_ZSH_AUTOCOMPLETE_HACK=1 ${words[1,CURRENT-1]} "$current" --generate-bash-completion 2>/dev/null)}")
    else
        choices=("${(@f)$(_CLI_ZSH_AUTOCOMPLETE_HACK=1 ${words[1,CURRENT-1]} --generate-bash-completion 2>/dev/null)}")
    fi
    if [[ -n ${choices[1]} ]]; then
        _describe 'choice' choices
    else
        _files
    fi
}
compdef _memsweep memsweep
