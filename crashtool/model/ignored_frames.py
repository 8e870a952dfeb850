"""Functions that only carry a crash out, whoever caused it: never what a crash is named after."""

from __future__ import annotations

from crashtool.model.function_name import drop_clone

# Each group with its reason. Names are without leading underscores, parameters, template
# arguments, and what compilers and the C library append for one build or one processor.
GROUPS: dict[str, str] = {
    "end the process because a caller asked for it": """
        abort abort_report_np Exit exit quick_exit raise gsignal tgkill tkill kill pthread_kill
        pthread_kill_implementation pthread_kill_internal libc_message libc_message_impl
        libc_fatal fastfail ud2 builtin_trap DebugBreak DbgBreakPoint debugbreak RtlFailFast
        RtlFailFast2 RaiseFailFastException TerminateProcess NtTerminateProcess
        ZwTerminateProcess RtlReportFatalFailure RtlReportCriticalFailure""",
    "report a check that failed": """
        assert assert_fail assert_fail_base assert_perror_fail assert_rtn assert2 wassert
        CrtDbgReport CrtDbgReportW VCrtDbgReportA VCrtDbgReportW CrtDbgBreak
        invalid_parameter invalid_parameter_noinfo invalid_parameter_noinfo_noreturn
        invalid_parameter_internal invoke_watson invoke_watson_if_error purecall
        cxa_pure_virtual stack_chk_fail fortify_fail fortify_fail_abort chk_fail
        report_gsfailure report_rangecheckfailure report_securityfailure GSHandlerCheck
        libcpp_verbose_abort glibcxx_assert_fail replacement_assert ubsan_handle_type_mismatch
        g_assertion_message g_assertion_message_expr g_abort g_log g_logv g_error qt_assert
        qt_assert_x qFatal QMessageLogger::fatal qt_message_fatal qAbort logging::RawLog
        logging::LogMessage::~LogMessage logging::LogMessageFatal::~LogMessageFatal
        google::LogMessage::Fail google::LogMessage::Flush google::LogMessage::SendToLog
        google::LogMessage::~LogMessage google::LogMessageFatal::~LogMessageFatal
        absl::raw_log_internal::RawLog""",
    "throw an exception, or find nobody to catch it": """
        cxa_throw cxa_rethrow cxa_bad_cast cxa_bad_typeid cxa_call_unexpected cxa_call_terminate
        cxa_throw_bad_array_new_length clang_call_terminate demangling_terminate_handler
        default_terminate_handler abort_message terminate std_terminate verbose_terminate_handler
        Unwind_RaiseException Unwind_Resume Unwind_Resume_or_Rethrow Unwind_ForcedUnwind
        gxx_personality_v0 CxxThrowException RaiseException RtlRaiseException RtlRaiseStatus
        NtRaiseException ZwRaiseException KiUserExceptionDispatcher KiUserExceptionDispatch
        RtlDispatchException RtlpExecuteHandlerForException KiRaiseUserExceptionDispatcher
        UnhandledExceptionFilter C_specific_handler CxxFrameHandler3 CxxFrameHandler4
        FrameHandler3::CxxCallCatchBlock CallSETranslator scrt_unhandled_exception_filter
        boost::throw_exception objc_exception_throw objc_exception_rethrow objc_terminate
        exceptionPreprocess CFThrowFormattedException""",
    "panic": """
        rust_panic rust_begin_unwind rust_start_panic rust_foreign_exception rg_oom
        rust_alloc_error_handler rdl_oom rust_end_short_backtrace rust_begin_short_backtrace
        panic_abort::__rust_start_panic swift_fatalError swift_runtime_on_report
        swift_reportFatalError swift_unexpectedError swift_dynamicCastFailure
        swift_stdlib_reportFatalErrorInFile swift_stdlib_reportUnimplementedInitializer
        swift_deletedMethodError swift_abortRetainUnowned assertionFailure fatalErrorMessage
        runtime.throw runtime.fatalthrow runtime.gopanic runtime.raise""",
    "only touch memory that a caller gave them": """
        memcpy memmove memset memcmp memchr memrchr mempcpy memccpy memmem bcopy bzero bcmp
        wmemcpy wmemmove wmemset wmemcmp rep_movs rep_stos strlen strnlen strcpy strncpy stpcpy
        stpncpy strcat strncat strcmp strncmp strcasecmp strncasecmp stricmp strnicmp strchr
        strrchr strchrnul strstr strcasestr strspn strcspn strpbrk strtok strtok_r strdup strndup
        strlcpy strlcat strcpy_s strncpy_s strcat_s memcpy_s memmove_s wcslen wcsnlen wcscpy
        wcsncpy wcscat wcsncat wcscmp wcsncmp wcschr wcsrchr wcsstr lstrlenA lstrlenW lstrcpyA
        lstrcpyW lstrcmpA lstrcmpW objc_msgSend objc_msgSendSuper2 objc_retain objc_release
        objc_autorelease objc_storeStrong objc_loadWeakRetained swift_retain swift_release
        swift_bridgeObjectRetain swift_bridgeObjectRelease CFRetain CFRelease""",
    "find a heap that was damaged before": """
        malloc calloc realloc free cfree memalign aligned_alloc posix_memalign malloc_printerr
        malloc_consolidate int_malloc int_free int_realloc int_memalign munmap_chunk unlink_chunk
        sysmalloc systrim tcache_get tcache_put malloc_error_break malloc_vreport malloc_report
        malloc_zone_error szone_error szone_free szone_malloc tiny_malloc_from_free_list
        tiny_free_no_lock small_malloc_from_free_list small_free_list_remove_ptr
        operator_new operator_new[] operator_delete operator_delete[] scalable_free
        HeapAlloc HeapFree HeapReAlloc RtlAllocateHeap RtlFreeHeap RtlReAllocateHeap
        RtlpAllocateHeap RtlpFreeHeap RtlpFreeHeapInternal RtlpAllocateHeapInternal
        RtlpHeapHandleError RtlpLogHeapFailure RtlpAnalyzeHeapFailure RtlpBreakPointHeap
        RtlpHpLfhSubsegmentFreeBlock RtlpLowFragHeapFree RtlpLowFragHeapAllocFromContext
        malloc_base free_base calloc_base realloc_base free_dbg malloc_dbg free_dbg_nolock
        scudo::die scudo::reportHeaderCorruption scudo::reportInvalidChunkState
        je_free je_malloc je_realloc""",
    "report what a sanitizer found": """
        asan_report_error asan_report_load1 asan_report_load2 asan_report_load4 asan_report_load8
        asan_report_load16 asan_report_load_n asan_report_store1 asan_report_store2
        asan_report_store4 asan_report_store8 asan_report_store16 asan_report_store_n
        asan_handle_no_return tsan_report""",
    "bring a thread into the kernel or a signal to its handler": """
        kernel_vsyscall restore_rt kernel_rt_sigreturn kernel_sigreturn sigtramp
        platform_sigtramp kernel_gettimeofday vdso_gettimeofday KiFastSystemCallRet
        KiFastSystemCall KiIntSystemCall""",
    "take the dump when the program asked for one": """
        CaptureContext crashpad::CaptureContext crashpad::CrashpadClient::DumpWithoutCrash
        crashpad::CrashpadClient::DumpAndCrash crashpad::DumpWithoutCrash
        google_breakpad::ExceptionHandler::WriteMinidump
        google_breakpad::ExceptionHandler::WriteMinidumpWithException RtlCaptureContext
        RtlCaptureContext2""",
    "call what they were given, from templates of the standard library": """
        invoke_impl invoke_r M_invoke invoke_memfun_deref""",
}
# Names that a program may have, too, were it not for their underscores.
AS_WRITTEN = frozenset({"__restore", "__invoke"})
NAMES = frozenset(name for names in GROUPS.values() for name in names.split())

# The standard libraries of C++ and Rust, and whole families of functions.
PREFIXES = (
    "std::",
    "__gnu_cxx::",
    "__cxxabiv1::",
    "core::",
    "alloc::",
    "<core::",
    "<alloc::",
    "<std::",
    "<&core::",
    "<&alloc::",
    "<&std::",
    "rust_panic_with_hook",
    "rustc_demangle::",
    "rustc::",
    "swift::fatalError",
    "swift::swift_abort",
    "Swift runtime failure",
    "Swift._assertionFailure",
    "Swift._fatalErrorMessage",
    "asan::",
    "asan_report_",
    "sanitizer::",
    "tsan::",
    "msan::",
    "hwasan::",
    "ubsan::",
    "ubsan_handle_",
    "gnu_cxx::",
    "cxxabiv1::",
    "-[NSException ",
    "+[NSException ",
    "-[NSObject(NSObject) doesNotRecognizeSelector:",
    "forwarding__",
    "CF_forwarding_prep_",
    "crashpad::(anonymous namespace)::",
    "RtlpHeap",
    "RtlpHp",
    "RtlpLFH",
)

# Modules of the language runtimes: when nothing names their functions, they are passed over, too.
RUNTIME_MODULES = (
    "libc.so",
    "libc-2.",
    "libpthread",
    "ld-linux",
    "ld-2.",
    "ld.so",
    "linux-gate.so",
    "linux-vdso.so",
    "libstdc++",
    "libgcc_s.",
    "libc++",
    "ntdll.",
    "kernelbase.",
    "kernel32.",
    "ucrtbase",
    "vcruntime",
    "msvcrt",
    "msvcr1",
    "msvcp",
    "libsystem_",
    "libobjc.",
    "libswiftcore",
    "libclang_rt.",
    "libasan.",
    "win32u.",
    "wow64",
)
# What the C libraries put before a name, and after that of a copy for one kind of processor.
LIBRARY_PREFIXES = ("GI_", "libc_", "platform_", "interceptor_", "wrap_", "imp_")
PROCESSORS = (
    "_avx",
    "_sse",
    "_ssse",
    "_evex",
    "_erms",
    "_unaligned",
    "_generic",
    "_chk",
    "_asimd",
    "_sve",
    "_mops",
    "_neon",
    "_aarch64",
    "_a64fx",
    "_falkor",
    "_thunderx",
)
RETURN_TYPES = ("void ", "bool ", "int ", "static ", "virtual ", "auto ", "decltype(auto) ")
UNNAMED = "(anonymous namespace)"


def is_ignored(function: str) -> bool:
    """Whether a function only carries crashes out (abort, raise, a throw, memcpy)."""
    name = drop_clone(function)
    for words in RETURN_TYPES:
        name = name.removeprefix(words)
    written, name = name, name.lstrip("_")
    if name.startswith(PREFIXES) or _base_name(written) in AS_WRITTEN:
        return True
    name = _base_name(name)
    return name in NAMES or _library_name(name) in NAMES


def _base_name(name: str) -> str:
    """The name without its parameters and template arguments."""
    if name.startswith("operator"):
        return name.partition("(")[0].rstrip().replace(" ", "_")
    start = len(UNNAMED) if name.startswith(UNNAMED) else 0
    ends = [index for index in (name.find(mark, start) for mark in "(<") if index > 0]
    return name[: min(ends)] if ends else name


def _library_name(name: str) -> str:
    """`memcpy` of `GI_memcpy`, `memcpy_avx_unaligned_erms` and `memcpy_chk`."""
    for prefix in LIBRARY_PREFIXES:
        name = name.removeprefix(prefix).lstrip("_")
    ends = [index for index in map(name.find, PROCESSORS) if index > 0]
    return name[: min(ends)] if ends else name
