// Crash reporting with Crashpad: one call at the begin of main().
//
// Written by `crashtool scaffold cpp` for @TITLE@.
// Yours to change. What is set at build time, as macros: CRASH_REPORTING_URL, CRASH_REPORTING_TOKEN
// (for a URL without a path alone), CRASH_REPORTING_VERSION, CRASH_REPORTING_MEMORY_LIMIT.
#ifndef CRASH_REPORTING_H_
#define CRASH_REPORTING_H_

#include <map>
#include <string>
#include <vector>

namespace crash_reporting {

struct Options {
  // Whether reports may be sent now. Without the user's consent they are kept in the database; a
  // run that says true sends those that wait.
  bool uploads_enabled = true;
  // Annotations besides those of the source file; they replace one of the same key. UTF-8.
  std::map<std::string, std::string> annotations;
@OPTIONS@};

// Starts the handler. False: no crash will be reported, error() says why, and so does stderr. A
// second call after a good one does nothing.
bool Start(const Options& options = Options());

// Why Start() returned false.
const std::string& error();

}  // namespace crash_reporting

#endif  // CRASH_REPORTING_H_
