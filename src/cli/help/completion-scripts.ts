/**
 * The scripts that a shell runs once to complete the lines of `howdah`. Each script calls the
 * command itself, by `howdah dev completion words -- …`. A line of its output is a candidate,
 * followed by a tab and the meaning. `:files` means that a file name is possible there.
 */
export const completionScripts = {
  bash: `# howdah dev completion bash: put this into ~/.bashrc:  eval "$(howdah dev completion bash)"
_howdah() {
  local word summary
  COMPREPLY=()
  while IFS=$'\\t' read -r word summary; do
    if [[ $word == :files ]]; then
      compopt -o default 2>/dev/null
    else
      COMPREPLY+=("$word")
    fi
  done < <("\${COMP_WORDS[0]}" completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _howdah howdah
`,
  zsh: `#compdef howdah
# howdah dev completion zsh: put this into ~/.zshrc, after compinit:  eval "$(howdah dev completion zsh)"
_howdah() {
  local word summary
  local -a candidates
  while IFS=$'\\t' read -r word summary; do
    if [[ $word == :files ]]; then
      _files
    else
      candidates+=("\${word//:/\\\\:}:$summary")
    fi
  done < <("\${words[1]}" completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#candidates} )) && _describe howdah candidates
}
compdef _howdah howdah
`,
  fish: `# howdah dev completion fish: howdah dev completion fish > ~/.config/fish/completions/howdah.fish
function __howdah_complete
  set -l before (commandline -opc)
  set -l program $before[1]
  set -e before[1]
  set -l last (commandline -ct)
  for line in ($program completion words -- $before "$last" 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path "$last"
    else
      echo $line
    end
  end
end
complete -c howdah -f -a '(__howdah_complete)'
`,
  pwsh: `# howdah dev completion pwsh: put this into $PROFILE:  howdah dev completion pwsh | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName howdah -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $program = $commandAst.CommandElements[0].Extent.Text
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
    Where-Object { $_.Extent.StartOffset -lt $cursorPosition } |
    ForEach-Object { $_.Extent.Text.Trim('"', "'") })
  # an empty word does not reach a program from every PowerShell
  $next = @(if (-not $wordToComplete) { '--next' })
  & $program completion words @next '--' @words 2>$null | ForEach-Object {
    $word, $summary = $_ -split "\t", 2
    if ($word -eq ':files') {
      Get-ChildItem -Name -Path "$wordToComplete*" | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ProviderItem', $_)
      }
    } else {
      if (-not $summary) { $summary = $word }
      [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $summary)
    }
  }
}
`,
} as const;

export type Shell = keyof typeof completionScripts;
