# bash completion for crashtool
_crashtool() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local command= words= word
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == -* ]] && continue
        case "$command" in
        '') command=$word ;;
        symbols|database|scaffold) command="$command $word"; break ;;
        *) break ;;
        esac
    done
    COMPREPLY=()
    case "$command" in
    '') words='make-url annotate send-dump inspect triage upload-symbols symbols database completion doctor scaffold serve smoke run --version -h --help' ;;
    'make-url')
        case "$previous" in
        --form) words='hosted self-hosted root' ;;
        --format) words='minidump json btt plcrash symbols proguard sourcemap' ;;
        --platform) words='windows linux macos android' ;;
        --as) words='url cpp cmake env json' ;;
        --color) words='auto always never' ;;
        --universe|--token|--token-file|--symbols-token|--host|--port|--ca-bundle|--timeout|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--universe --token --token-file --symbols-token --host --port --http --form --format --platform --check --fix --probe --as --ca-bundle --insecure --timeout --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'annotate')
        case "$previous" in
        --as) words='arguments shell windows cpp cpp-backtrace toml cmake json' ;;
        --handler) words='upstream backtrace backtrace-2018 sentry' ;;
        --handler-option) words='no-rate-limit no-upload-gzip no-identify-client-via-url no-periodic-tasks monitor-self monitor-self-annotation monitor-self-argument reset-own-crash-exception-port-to-system-default write-minidump-to-log no-write-minidump-to-database use-cros-crash-reporter minidump-dir-for-tests always-allow-feedback http-proxy wait-for-upload report-id log-file log-level crash-reporter crash-envelope screenshot' ;;
        --color) words='auto always never' ;;
        --attach|--from|--into|--output|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--attach --from --git --as --handler --handler-option --into --output --check --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'send-dump')
        case "$previous" in
        --color) words='auto always never' ;;
        --url|--universe|--host|--token|--token-file|--annotation|--attachment|--faulting-thread|-j|--jobs|--rate|--journal|--scrub|--ca-bundle|--timeout|--retry-for|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--url --universe --host --token --token-file --annotation --attachment --sync --faulting-thread --no-gzip --raw -j --jobs --rate -w --watch --again --journal --scrub --without-consent -n --dry-run --ca-bundle --insecure --timeout --retry-for --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'inspect')
        case "$previous" in
        --ci) words='github' ;;
        --color) words='auto always never' ;;
        --symbols|--symbol-server|--cache-size|--cache|--memory|--source|--core|--scrub|--jobs|--html|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--symbols --symbol-server --offline --cache-size --cache --no-local-symbols --threads --registers --modules --streams --memory --handles --source --variables --locals --no-values --core --with-code --scrub --secrets --json-lines --jobs --brief --html --ci --fail-on-crash --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'triage')
        case "$previous" in
        --fail-on) words='new regression' ;;
        --ci) words='github' ;;
        --color) words='auto always never' ;;
        --symbols|--symbol-server|--cache-size|--cache|--rules|--by|--since|--until|--version|--where|--top|--compare|--sessions|--baseline|--save-baseline|--min-count|--rows|--parquet|--html|--work|--explain|--jobs|--cluster|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--symbols --symbol-server --offline --cache-size --cache --no-local-symbols --rules --by --since --until --version --where --count-duplicates --top --compare --sessions --baseline --baseline-anyway --save-baseline --min-count --fail-on --rows --parquet --html --ci --work --explain --jobs --cluster --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'upload-symbols')
        case "$previous" in
        --type) words='elf pe pdb macho sym' ;;
        --soft-fail) words='network server all' ;;
        --ci) words='github' ;;
        --color) words='auto always never' ;;
        --url|--universe|--host|--token|--token-file|--tag|--exclude|--require-for|--for-dump|--not-required|--max-archive-size|-o|--output|--to|--verify-receipt|--receipt|-j|--jobs|--junit|--ca-bundle|--timeout|--retry-for|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--url --universe --host --token --token-file --tag --exclude --type --require-for --for-dump --not-required --require-all-modules --strict --quick --single --max-archive-size --no-compression --gzip -o --output --to --replace --verify-receipt --receipt -n --dry-run --allow-empty --pass-with-no-files --soft-fail -j --jobs --ci --junit --ca-bundle --insecure --timeout --retry-for --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'symbols')
        case "$previous" in
        *) [[ $current == -* ]] && words='-h --help' || words='cache check dump fetch find' ;;
        esac ;;
    'symbols cache')
        case "$previous" in
        --color) words='auto always never' ;;
        --max-size|--cache|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--clear --max-size --cache --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'symbols check')
        case "$previous" in
        --type) words='elf pe pdb macho sym' ;;
        --ci) words='github' ;;
        --color) words='auto always never' ;;
        --exclude|--require-for|--for-dump|--not-required|--junit|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--exclude --type --require-for --for-dump --not-required --require-all-modules --strict --quick --ci --junit --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'symbols dump')
        case "$previous" in
        --color) words='auto always never' ;;
        -o|--output|--store|--arch|--name|--project-file) words= ;;
        *) [[ $current == -* ]] && words='-o --output --store --arch --name --no-inlines --no-cfi --no-demangle --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'symbols fetch')
        case "$previous" in
        --color) words='auto always never' ;;
        --to|-j|--jobs|--symbols|--symbol-server|--cache-size|--cache|--ca-bundle|--timeout|--retry-for|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--to --all-modules --replace -j --jobs --symbols --symbol-server --offline --cache-size --cache --ca-bundle --insecure --timeout --retry-for --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'symbols find')
        case "$previous" in
        --color) words='auto always never' ;;
        --symbols|--symbol-server|--cache-size|--cache|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--all-modules --symbols --symbol-server --offline --cache-size --cache --no-local-symbols --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'database')
        case "$previous" in
        *) [[ $current == -* ]] && words='-h --help' || words='list prune resend settings show' ;;
        esac ;;
    'database list')
        case "$previous" in
        --color) words='auto always never' ;;
        --limit|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--unsent --limit --newest --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'database prune')
        case "$previous" in
        --color) words='auto always never' ;;
        --older-than|--max-size|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--older-than --max-size --unsent --leftovers -n --dry-run --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'database resend')
        case "$previous" in
        --color) words='auto always never' ;;
        --project-file) words= ;;
        *) [[ $current == -* ]] && words='--json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'database settings')
        case "$previous" in
        --uploads) words='enabled disabled' ;;
        --color) words='auto always never' ;;
        --last-upload-attempt|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--uploads --last-upload-attempt --reset --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'database show')
        case "$previous" in
        --color) words='auto always never' ;;
        --project-file) words= ;;
        *) [[ $current == -* ]] && words='--json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'completion')
        case "$previous" in
        *) [[ $current == -* ]] && words='-h --help' || words='bash zsh fish powershell' ;;
        esac ;;
    'doctor')
        case "$previous" in
        --ci) words='github' ;;
        --color) words='auto always never' ;;
        --annotation|--attachment|--url|--token|--token-file|--handler|--handler-argument|--database|--config|--root|--ca-bundle|--timeout|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--annotation --attachment --url --token --token-file --handler --handler-argument --database --config --root --probe --ca-bundle --insecure --timeout --ci --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'scaffold')
        case "$previous" in
        *) [[ $current == -* ]] && words='-h --help' || words='cmake cpp github-action msbuild obtain reg toml' ;;
        esac ;;
    'scaffold cmake')
        case "$previous" in
        --color) words='auto always never' ;;
        -o|--output|--into|--project-file) words= ;;
        *) [[ $current == -* ]] && words='-o --output --into --force --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'scaffold cpp')
        case "$previous" in
        --crashpad) words='upstream backtrace backtrace-2018 sentry' ;;
        --layout) words='backtrace-zip cmake artifacts gn vcpkg sentry conan' ;;
        --platform) words='windows macos linux' ;;
        --color) words='auto always never' ;;
        --into|--crashpad-version|--crashpad-dir|--name|--url|--annotation|--attachment|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--into --force --crashpad --crashpad-version --crashpad-dir --layout --platform --name --url --annotation --attachment --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'scaffold github-action')
        case "$previous" in
        --color) words='auto always never' ;;
        -o|--output|--into|--project-file) words= ;;
        *) [[ $current == -* ]] && words='-o --output --into --force --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'scaffold msbuild')
        case "$previous" in
        --color) words='auto always never' ;;
        -o|--output|--into|--project-file) words= ;;
        *) [[ $current == -* ]] && words='-o --output --into --force --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'scaffold obtain')
        case "$previous" in
        --crashpad) words='upstream backtrace backtrace-2018 sentry' ;;
        --color) words='auto always never' ;;
        --project-file) words= ;;
        *) [[ $current == -* ]] && words='--crashpad --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'scaffold reg')
        case "$previous" in
        --color) words='auto always never' ;;
        -o|--output|--into|--project-file) words= ;;
        *) [[ $current == -* ]] && words='-o --output --into --force --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'scaffold toml')
        case "$previous" in
        --color) words='auto always never' ;;
        -o|--output|--into|--project-file) words= ;;
        *) [[ $current == -* ]] && words='-o --output --into --force --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'serve')
        case "$previous" in
        --color) words='auto always never' ;;
        --folder|--port|--host|--served-name|--token|--token-file|--symbols-token|--fault|--certificate|--key|--max-size|--source|--symbol-server|--stop-after|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--folder --port --host --served-name --token --token-file --symbols-token --fault --certificate --key --max-size --source --symbol-server --stop-after --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'smoke')
        case "$previous" in
        --mode) words='trace socket' ;;
        --color) words='auto always never' ;;
        --annotation|--attachment|--url|--handler|--use-database|--keep|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--annotation --attachment --url --handler --mode --use-database --keep --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    'run')
        case "$previous" in
        --writer) words='auto handler own' ;;
        --mode) words='trace socket' ;;
        --ci) words='github' ;;
        --color) words='auto always never' ;;
        --annotation|--attachment|--symbols|--symbol-server|--cache-size|--cache|--url|--database|--handler|--timeout|--pid|--ignore|--junit|--report|--project-file) words= ;;
        *) [[ $current == -* ]] && words='--annotation --attachment --symbols --symbol-server --offline --cache-size --cache --no-local-symbols --url --database --handler --writer --mode --children --no-children --to-the-end --timeout --pid --kill --ignore --attach-stderr --json-lines --junit --ci --report --json -q --quiet -v --verbose --color --project-file --show-settings -h --help' ;;
        esac ;;
    esac
    if [[ $words ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    fi
}
complete -o bashdefault -o default -F _crashtool crashtool
