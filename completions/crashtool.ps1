# PowerShell completion for crashtool
Register-ArgumentCompleter -Native -CommandName crashtool -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $commands = @{
        '' = @('make-url', 'annotate', 'send-dump', 'inspect', 'triage', 'upload-symbols', 'symbols', 'database', 'completion', 'doctor', 'scaffold', 'serve', 'smoke', 'run')
        'symbols' = @('cache', 'check', 'dump', 'fetch', 'find')
        'database' = @('list', 'prune', 'resend', 'settings', 'show')
        'scaffold' = @('cmake', 'cpp', 'github-action', 'msbuild', 'obtain', 'reg', 'toml')
    }
    $tips = @{
        'make-url' = 'Build, check, convert and explain submission URLs.'
        'annotate' = 'Check annotations and attachments; print them as StartHandler needs them.'
        'send-dump' = 'Send minidumps to Backtrace, as crashpad_handler would.'
        'inspect' = 'Show what a minidump says: what crashed, where and why.'
        'triage' = 'Group many minidumps by what crashed, count them, and compare versions.'
        'upload-symbols' = 'Check debug files and upload them.'
        'symbols' = 'Check, find, fetch and write symbols; look after what is kept.'
        'symbols cache' = 'Show what the symbol cache holds; clear it or make it smaller.'
        'symbols check' = 'Check debug files: what a stack shows with them, and what is wrong.'
        'symbols dump' = 'Write Breakpad .sym files from ELF, PE, PDB and Mach-O files.'
        'symbols fetch' = 'Fill a symbol store with what minidumps need, from symbol servers.'
        'symbols find' = 'Show every place that has, or should have, the symbols of a module.'
        'database' = 'Show a Crashpad database, and why each report was or was not uploaded.'
        'database list' = 'List the reports, newest first, each with its state and the reason for it.'
        'database prune' = 'Delete old reports, with their attachments; what was never uploaded stays unless asked for.'
        'database resend' = 'Have the next handler send reports that were given up, regardless of consent and limits.'
        'database settings' = 'Show the settings, or set the consent and the time of the last upload attempt.'
        'database show' = 'Show all that is known of one report; the start of its UUID is enough.'
        'completion' = 'Print the completion script of a shell.'
        'doctor' = 'Check a Crashpad integration: what is wrong, what follows, what to type.'
        'scaffold' = 'Write integration files: C++, CMake, MSBuild, GitHub Actions, Windows, settings.'
        'scaffold cmake' = 'CrashtoolSymbols.cmake: functions that gate and upload after a build.'
        'scaffold cpp' = 'Write C++ that starts the handler, and CMake and MSBuild files that build it.'
        'scaffold github-action' = 'A composite GitHub Action: gate, upload, annotations, receipt.'
        'scaffold msbuild' = 'Crashtool.Symbols.targets: uploads after each build in CI.'
        'scaffold obtain' = 'Show where to get each Crashpad, how to build it, and which files result.'
        'scaffold reg' = 'TLS 1.1 and 1.2 on Windows 7, Server 2008 R2 and Server 2012.'
        'scaffold toml' = 'A crashtool.toml with every setting, explained and commented out.'
        'serve' = 'Receive reports locally, answering as Backtrace does.'
        'smoke' = 'Prove end to end that a crash under a real crashpad_handler arrives.'
        'run' = 'Run any program under a crashpad_handler, or without one, and report its crash.'
    }
    $options = @{
        '' = @('--version', '-h', '--help')
        'make-url' = @('--universe', '--token', '--token-file', '--symbols-token', '--host', '--port', '--http', '--form', '--format', '--platform', '--check', '--fix', '--probe', '--as', '--ca-bundle', '--insecure', '--timeout', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'annotate' = @('--attach', '--from', '--git', '--as', '--handler', '--handler-option', '--into', '--output', '--check', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'send-dump' = @('--url', '--universe', '--host', '--token', '--token-file', '--annotation', '--attachment', '--sync', '--faulting-thread', '--no-gzip', '--raw', '-j', '--jobs', '--rate', '-w', '--watch', '--again', '--journal', '--scrub', '--without-consent', '-n', '--dry-run', '--ca-bundle', '--insecure', '--timeout', '--retry-for', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'inspect' = @('--symbols', '--symbol-server', '--offline', '--cache-size', '--cache', '--no-local-symbols', '--threads', '--registers', '--modules', '--streams', '--memory', '--handles', '--source', '--variables', '--locals', '--no-values', '--core', '--with-code', '--scrub', '--secrets', '--json-lines', '--jobs', '--brief', '--html', '--ci', '--fail-on-crash', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'triage' = @('--symbols', '--symbol-server', '--offline', '--cache-size', '--cache', '--no-local-symbols', '--rules', '--by', '--since', '--until', '--version', '--where', '--count-duplicates', '--top', '--compare', '--sessions', '--baseline', '--baseline-anyway', '--save-baseline', '--min-count', '--fail-on', '--rows', '--parquet', '--html', '--ci', '--work', '--explain', '--jobs', '--cluster', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'upload-symbols' = @('--url', '--universe', '--host', '--token', '--token-file', '--tag', '--exclude', '--type', '--require-for', '--for-dump', '--not-required', '--require-all-modules', '--strict', '--quick', '--single', '--max-archive-size', '--no-compression', '--gzip', '-o', '--output', '--to', '--replace', '--verify-receipt', '--receipt', '-n', '--dry-run', '--allow-empty', '--pass-with-no-files', '--soft-fail', '-j', '--jobs', '--ci', '--junit', '--ca-bundle', '--insecure', '--timeout', '--retry-for', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'symbols' = @('-h', '--help')
        'symbols cache' = @('--clear', '--max-size', '--cache', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'symbols check' = @('--exclude', '--type', '--require-for', '--for-dump', '--not-required', '--require-all-modules', '--strict', '--quick', '--ci', '--junit', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'symbols dump' = @('-o', '--output', '--store', '--arch', '--name', '--no-inlines', '--no-cfi', '--no-demangle', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'symbols fetch' = @('--to', '--all-modules', '--replace', '-j', '--jobs', '--symbols', '--symbol-server', '--offline', '--cache-size', '--cache', '--ca-bundle', '--insecure', '--timeout', '--retry-for', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'symbols find' = @('--all-modules', '--symbols', '--symbol-server', '--offline', '--cache-size', '--cache', '--no-local-symbols', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'database' = @('-h', '--help')
        'database list' = @('--unsent', '--limit', '--newest', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'database prune' = @('--older-than', '--max-size', '--unsent', '--leftovers', '-n', '--dry-run', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'database resend' = @('--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'database settings' = @('--uploads', '--last-upload-attempt', '--reset', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'database show' = @('--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'completion' = @('-h', '--help')
        'doctor' = @('--annotation', '--attachment', '--url', '--token', '--token-file', '--handler', '--handler-argument', '--database', '--config', '--root', '--probe', '--ca-bundle', '--insecure', '--timeout', '--ci', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'scaffold' = @('-h', '--help')
        'scaffold cmake' = @('-o', '--output', '--into', '--force', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'scaffold cpp' = @('--into', '--force', '--crashpad', '--crashpad-version', '--crashpad-dir', '--layout', '--platform', '--name', '--url', '--annotation', '--attachment', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'scaffold github-action' = @('-o', '--output', '--into', '--force', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'scaffold msbuild' = @('-o', '--output', '--into', '--force', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'scaffold obtain' = @('--crashpad', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'scaffold reg' = @('-o', '--output', '--into', '--force', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'scaffold toml' = @('-o', '--output', '--into', '--force', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'serve' = @('--folder', '--port', '--host', '--served-name', '--token', '--token-file', '--symbols-token', '--fault', '--certificate', '--key', '--max-size', '--source', '--symbol-server', '--stop-after', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'smoke' = @('--annotation', '--attachment', '--url', '--handler', '--mode', '--use-database', '--keep', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
        'run' = @('--annotation', '--attachment', '--symbols', '--symbol-server', '--offline', '--cache-size', '--cache', '--no-local-symbols', '--url', '--database', '--handler', '--writer', '--mode', '--children', '--no-children', '--to-the-end', '--timeout', '--pid', '--kill', '--ignore', '--attach-stderr', '--json-lines', '--junit', '--ci', '--report', '--json', '-q', '--quiet', '-v', '--verbose', '--color', '--project-file', '--show-settings', '-h', '--help')
    }
    $choices = @{
        'make-url --form' = @('hosted', 'self-hosted', 'root')
        'make-url --format' = @('minidump', 'json', 'btt', 'plcrash', 'symbols', 'proguard', 'sourcemap')
        'make-url --platform' = @('windows', 'linux', 'macos', 'android')
        'make-url --as' = @('url', 'cpp', 'cmake', 'env', 'json')
        'make-url --color' = @('auto', 'always', 'never')
        'annotate --as' = @('arguments', 'shell', 'windows', 'cpp', 'cpp-backtrace', 'toml', 'cmake', 'json')
        'annotate --handler' = @('upstream', 'backtrace', 'backtrace-2018', 'sentry')
        'annotate --handler-option' = @('no-rate-limit', 'no-upload-gzip', 'no-identify-client-via-url', 'no-periodic-tasks', 'monitor-self', 'monitor-self-annotation', 'monitor-self-argument', 'reset-own-crash-exception-port-to-system-default', 'write-minidump-to-log', 'no-write-minidump-to-database', 'use-cros-crash-reporter', 'minidump-dir-for-tests', 'always-allow-feedback', 'http-proxy', 'wait-for-upload', 'report-id', 'log-file', 'log-level', 'crash-reporter', 'crash-envelope', 'screenshot')
        'annotate --color' = @('auto', 'always', 'never')
        'send-dump --color' = @('auto', 'always', 'never')
        'inspect --ci' = @('github')
        'inspect --color' = @('auto', 'always', 'never')
        'triage --fail-on' = @('new', 'regression')
        'triage --ci' = @('github')
        'triage --color' = @('auto', 'always', 'never')
        'upload-symbols --type' = @('elf', 'pe', 'pdb', 'macho', 'sym')
        'upload-symbols --soft-fail' = @('network', 'server', 'all')
        'upload-symbols --ci' = @('github')
        'upload-symbols --color' = @('auto', 'always', 'never')
        'symbols cache --color' = @('auto', 'always', 'never')
        'symbols check --type' = @('elf', 'pe', 'pdb', 'macho', 'sym')
        'symbols check --ci' = @('github')
        'symbols check --color' = @('auto', 'always', 'never')
        'symbols dump --color' = @('auto', 'always', 'never')
        'symbols fetch --color' = @('auto', 'always', 'never')
        'symbols find --color' = @('auto', 'always', 'never')
        'database list --color' = @('auto', 'always', 'never')
        'database prune --color' = @('auto', 'always', 'never')
        'database resend --color' = @('auto', 'always', 'never')
        'database settings --uploads' = @('enabled', 'disabled')
        'database settings --color' = @('auto', 'always', 'never')
        'database show --color' = @('auto', 'always', 'never')
        'completion' = @('bash', 'zsh', 'fish', 'powershell')
        'doctor --ci' = @('github')
        'doctor --color' = @('auto', 'always', 'never')
        'scaffold cmake --color' = @('auto', 'always', 'never')
        'scaffold cpp --crashpad' = @('upstream', 'backtrace', 'backtrace-2018', 'sentry')
        'scaffold cpp --layout' = @('backtrace-zip', 'cmake', 'artifacts', 'gn', 'vcpkg', 'sentry', 'conan')
        'scaffold cpp --platform' = @('windows', 'macos', 'linux')
        'scaffold cpp --color' = @('auto', 'always', 'never')
        'scaffold github-action --color' = @('auto', 'always', 'never')
        'scaffold msbuild --color' = @('auto', 'always', 'never')
        'scaffold obtain --crashpad' = @('upstream', 'backtrace', 'backtrace-2018', 'sentry')
        'scaffold obtain --color' = @('auto', 'always', 'never')
        'scaffold reg --color' = @('auto', 'always', 'never')
        'scaffold toml --color' = @('auto', 'always', 'never')
        'serve --color' = @('auto', 'always', 'never')
        'smoke --mode' = @('trace', 'socket')
        'smoke --color' = @('auto', 'always', 'never')
        'run --writer' = @('auto', 'handler', 'own')
        'run --mode' = @('trace', 'socket')
        'run --ci' = @('github')
        'run --color' = @('auto', 'always', 'never')
    }
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { "$_" })
    $command = ''
    foreach ($word in @($words | Where-Object { $_ -notlike '-*' })) {
        if (-not $commands.ContainsKey($command)) { break }
        $command = "$command $word".Trim()
    }
    if ($words.Count -and $choices.ContainsKey("$command $($words[-1])")) {
        $candidates = $choices["$command $($words[-1])"]
    } elseif ($wordToComplete -like '-*') {
        $candidates = $options[$command]
    } elseif ($commands.ContainsKey($command)) {
        $candidates = $commands[$command]
    } elseif ($choices.ContainsKey($command)) {
        $candidates = $choices[$command]
    } else {
        return
    }
    $candidates | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
        $tip = $tips["$command $_".Trim()]
        if (-not $tip) { $tip = $_ }
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $tip)
    }
}
