using System.CommandLine;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>completion</c>: prints a script that completes verbs and options in a shell. The shell asks the program by its directive <c>[suggest]</c>.</summary>
internal static class CompletionVerb
{
    private const string Bash =
        """
        # llmproxy completion for bash. Add to ~/.bashrc: source <(llmproxy completion bash)
        _llmproxy() {
          local IFS=$'\n'
          local words=("${COMP_WORDS[@]:1}")
          local line="${COMP_LINE:0:COMP_POINT}"
          line="${line#"${COMP_WORDS[0]}"}"
          line="${line#"${line%%[![:space:]]*}"}"
          COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "[suggest:${#line}]" "$line" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _llmproxy llmproxy

        """;

    private const string Zsh =
        """
        #compdef llmproxy
        # llmproxy completion for zsh. Add to ~/.zshrc, after compinit: source <(llmproxy completion zsh)
        _llmproxy() {
          local line="${BUFFER[1,CURSOR]}"
          line="${line#${words[1]}}"
          line="${line##[[:space:]]##}"
          local -a found
          found=("${(@f)$(${words[1]} "[suggest:${#line}]" "$line" 2>/dev/null)}")
          compadd -a found || _files
        }
        compdef _llmproxy llmproxy

        """;

    private const string Fish =
        """
        # llmproxy completion for fish. Save as ~/.config/fish/completions/llmproxy.fish
        function __llmproxy_complete
          set -l line (string replace -r '^\s*\S+\s*' '' -- (commandline -cp))
          llmproxy "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
        end
        complete -c llmproxy -a '(__llmproxy_complete)'

        """;

    private const string PowerShell =
        """
        # llmproxy completion for PowerShell. Add to $PROFILE: llmproxy completion pwsh | Out-String | Invoke-Expression
        Register-ArgumentCompleter -Native -CommandName llmproxy -ScriptBlock {
          param($wordToComplete, $commandAst, $cursorPosition)
          $line = ($commandAst.ToString().PadRight($cursorPosition).Substring(0, $cursorPosition)) -replace '^\s*\S+\s*', ''
          llmproxy "[suggest:$($line.Length)]" "$line" 2>$null | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
            [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
          }
        }

        """;

    private static readonly (string Shell, string Script)[] Scripts = [("bash", Bash), ("zsh", Zsh), ("fish", Fish), ("pwsh", PowerShell)];

    public static Command Create(CliContext context)
    {
        var shell = new Argument<string>("SHELL") { Description = string.Join(", ", Scripts.Select(script => script.Shell)) };
        shell.AcceptOnlyFromAmong([.. Scripts.Select(script => script.Shell)]);
        var command = new Command("completion", "Print a script that completes verbs and options in a shell") { shell };
        command.SetAction(parse =>
        {
            // For a shell to execute: nothing in it comes from outside.
            context.Console.Out.Write(Array.Find(Scripts, script => script.Shell == parse.GetValue(shell)).Script);
            return ExitCodes.Done;
        });
        return command;
    }
}
