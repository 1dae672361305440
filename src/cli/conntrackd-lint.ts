/** The program `conntrackd-lint`: the same as `conntrackd config-lint`. Described in: doc/lint.md. */
void import("./lint-main.ts")
  .then(({ lintMain }) => lintMain(process.argv.slice(2)))
  .then((status) => {
    if (status !== undefined) process.exitCode = status;
  });
