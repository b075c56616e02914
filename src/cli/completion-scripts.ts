/** Shells we complete in. */
export const completionShells = ['bash', 'zsh', 'fish'] as const;
export type CompletionShell = (typeof completionShells)[number];

/**
 * Scripts that a shell loads so that Tab asks `raincheck __complete` for what may follow. It prints a line for each
 * candidate, with a tab between the candidate and its meaning, or `:files`.
 *
 * Written by hand: the package that does this (0.0.x, one more dependency of every install) knows the options but
 * neither the tasks of the server nor the fields of their inputs, which is what one forgets.
 */
export const completionScripts: Readonly<Record<CompletionShell, string>> = {
  bash: `# raincheck: completion for bash. Load it in ~/.bashrc:  source <(raincheck completion bash)
_raincheck() {
  local line=\${COMP_LINE:0:COMP_POINT} answer value cut=
  local -a words
  read -r -a words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  local typed=\${words[\${#words[@]}-1]}
  # bash takes '=' and ':' for the ends of words: only what follows them is replaced.
  [[ $typed == *[=:]* ]] && cut=\${typed%"\${typed##*[=:]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r value _; do
    if [[ $value == :files ]]; then
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "\${typed#"$cut"}")
      return
    fi
    COMPREPLY+=("\${value#"$cut"}")
  done < <(raincheck __complete -- "\${words[@]:1}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -F _raincheck raincheck
`,
  zsh: `#compdef raincheck
# raincheck: completion for zsh. Load it in ~/.zshrc, behind compinit:  source <(raincheck completion zsh)
_raincheck() {
  local line value
  local -a open openTexts whole wholeTexts
  for line in "\${(@f)$(raincheck __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -z $line ]] && continue
    [[ $line == :files ]] && { _files; return }
    value=\${line%%$'\\t'*}
    if [[ $value == *= ]]; then
      open+=("$value"); openTexts+=("\${line/$'\\t'/  }")
    else
      whole+=("$value"); wholeTexts+=("\${line/$'\\t'/  }")
    fi
  done
  compadd -Q -S '' -d openTexts -a open
  compadd -Q -d wholeTexts -a whole
}
compdef _raincheck raincheck
`,
  fish: `# raincheck: completion for fish. Load it in config.fish:  raincheck completion fish | source
function __raincheck_complete
    set -l words (commandline -opc)[2..] (commandline -ct)
    set -l answer (raincheck __complete -- $words 2>/dev/null)
    if test "$answer[1]" = :files
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $answer
    end
end
complete -c raincheck -f -a '(__raincheck_complete)'
`,
};
