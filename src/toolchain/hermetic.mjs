// Runs the hermetic clang. Not written yet: says so, and fails.
console.error('error: the hermetic compiler is not part of this version yet');
process.exitCode = 1;
