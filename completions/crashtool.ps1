# PowerShell completion for crashtool
Register-ArgumentCompleter -Native -CommandName crashtool -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $summaries = [ordered]@{
        'make-url' = 'Build, check, convert and explain submission URLs.'
        'annotate' = 'Check annotations and attachments; print them as StartHandler needs them.'
        'send-dump' = 'Send minidumps to Backtrace, as crashpad_handler would.'
        'inspect' = 'Show what a minidump says: what crashed, where and why.'
        'upload-symbols' = 'Check debug files and upload them.'
        'symbols' = 'Check, find, fetch and write symbols; look after what is kept.'
        'database' = 'Show a Crashpad database, and why each report was or was not uploaded.'
        'scaffold' = 'Write integration files for CMake, MSBuild, GitHub Actions and Windows.'
        'serve' = 'Receive reports locally, answering as Backtrace does.'
        'smoke' = 'Prove end to end that a crash under a real crashpad_handler arrives.'
        'run' = 'Run any program under a crashpad_handler, or without one, and report its crash.'
    }
    $options = @{
        'make-url' = @('--universe', '--token', '--token-file', '--symbols-token', '--host', '--port', '--http', '--form', '--format', '--platform', '--check', '--fix', '--probe', '--as', '--ca-bundle', '--insecure', '--timeout', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'annotate' = @('--attach', '--from', '--git', '--as', '--handler', '--handler-option', '--into', '--output', '--check', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'send-dump' = @('--url', '--universe', '--host', '--token', '--token-file', '--annotation', '--attachment', '--sync', '--faulting-thread', '--no-gzip', '--raw', '-j', '--jobs', '--rate', '-w', '--watch', '--again', '--journal', '--scrub', '--without-consent', '-n', '--dry-run', '--ca-bundle', '--insecure', '--timeout', '--retry-for', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'inspect' = @('--symbols', '--symbol-server', '--offline', '--cache-size', '--cache', '--no-local-symbols', '--threads', '--registers', '--modules', '--streams', '--memory', '--handles', '--source', '--secrets', '--json-lines', '--jobs', '--brief', '--html', '--ci', '--fail-on-crash', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'upload-symbols' = @('--url', '--universe', '--host', '--token', '--token-file', '--tag', '--exclude', '--type', '--require-for', '--for-dump', '--not-required', '--require-all-modules', '--strict', '--quick', '--single', '--max-archive-size', '--no-compression', '--gzip', '-o', '--output', '--to', '--replace', '--verify-receipt', '--receipt', '-n', '--dry-run', '--allow-empty', '--pass-with-no-files', '--soft-fail', '-j', '--jobs', '--ci', '--junit', '--ca-bundle', '--insecure', '--timeout', '--retry-for', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'symbols' = @('-h', '--help', '--clear', '--max-size', '--cache', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '--exclude', '--type', '--require-for', '--for-dump', '--not-required', '--require-all-modules', '--strict', '--ci', '--junit', '--quick', '-o', '--output', '--store', '--arch', '--name', '--no-inlines', '--no-cfi', '--no-demangle', '--to', '--all-modules', '--replace', '-j', '--jobs', '--symbols', '--symbol-server', '--offline', '--cache-size', '--ca-bundle', '--insecure', '--timeout', '--retry-for', '--no-local-symbols')
        'database' = @('-h', '--help', '--unsent', '--limit', '--newest', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '--older-than', '--max-size', '--leftovers', '-n', '--dry-run', '--uploads', '--last-upload-attempt', '--reset')
        'scaffold' = @('-o', '--output', '--into', '--force', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'serve' = @('--folder', '--port', '--host', '--served-name', '--token', '--token-file', '--symbols-token', '--fault', '--certificate', '--key', '--max-size', '--stop-after', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'smoke' = @('--annotation', '--attachment', '--url', '--handler', '--mode', '--use-database', '--keep', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'run' = @('--annotation', '--attachment', '--symbols', '--symbol-server', '--offline', '--cache-size', '--cache', '--no-local-symbols', '--url', '--database', '--handler', '--writer', '--mode', '--report', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
    }
    $choices = @{
        'make-url --form' = @('hosted', 'self-hosted', 'root')
        'make-url --format' = @('minidump', 'json', 'btt', 'plcrash', 'symbols', 'proguard', 'sourcemap')
        'make-url --platform' = @('windows', 'linux', 'macos', 'android')
        'make-url --as' = @('url', 'cpp', 'cmake', 'env', 'json')
        'make-url --color' = @('auto', 'always', 'never')
        'annotate --as' = @('arguments', 'shell', 'windows', 'cpp', 'cpp-backtrace', 'toml', 'cmake', 'json')
        'annotate --handler' = @('upstream', 'backtrace', 'backtrace-2018', 'sentry')
        'annotate --handler-option' = @('no-rate-limit', 'no-upload-gzip', 'no-identify-client-via-url', 'no-periodic-tasks', 'monitor-self')
        'annotate --color' = @('auto', 'always', 'never')
        'send-dump --color' = @('auto', 'always', 'never')
        'inspect --ci' = @('github')
        'inspect --color' = @('auto', 'always', 'never')
        'upload-symbols --type' = @('elf', 'pe', 'pdb', 'macho', 'sym')
        'upload-symbols --soft-fail' = @('network', 'server', 'all')
        'upload-symbols --ci' = @('github')
        'upload-symbols --color' = @('auto', 'always', 'never')
        'symbols --color' = @('auto', 'always', 'never')
        'symbols --type' = @('elf', 'pe', 'pdb', 'macho', 'sym')
        'symbols --ci' = @('github')
        'database --color' = @('auto', 'always', 'never')
        'database --uploads' = @('enabled', 'disabled')
        'scaffold --color' = @('auto', 'always', 'never')
        'serve --color' = @('auto', 'always', 'never')
        'smoke --mode' = @('trace', 'socket')
        'smoke --color' = @('auto', 'always', 'never')
        'run --writer' = @('auto', 'handler', 'own')
        'run --mode' = @('trace', 'socket')
        'run --color' = @('auto', 'always', 'never')
    }
    $groups = @{
        'symbols' = @('cache', 'check', 'dump', 'fetch', 'find')
        'database' = @('list', 'prune', 'resend', 'settings', 'show')
    }
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { "$_" })
    $command = $words | Where-Object { $_ -notlike '-*' } | Select-Object -First 1
    if (-not $command) {
        $candidates = @($summaries.Keys) + @('--version', '-h', '--help')
    } elseif ($words.Count -and $choices.ContainsKey("$command $($words[-1])")) {
        $candidates = $choices["$command $($words[-1])"]
    } elseif ($words.Count -and $groups.ContainsKey("$($words[-1])")) {
        $candidates = $groups["$($words[-1])"]
    } elseif ($wordToComplete -like '-*') {
        $candidates = $options[$command]
    } else {
        return
    }
    $candidates | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
        $tip = if ($summaries.Contains($_)) { $summaries[$_] } else { $_ }
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $tip)
    }
}
