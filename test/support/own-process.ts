/**
 * Tests that measure the processor time or the memory of their own process. What other files leave
 * in it would change their figures, so each of these files gets a new process.
 */
export const OWN_PROCESS = [
  'test/api/hostile-bodies.test.ts',
  'test/cli/worker-memory.test.ts',
  'test/providers/sentence.test.ts',
  'test/runtime/long-answers.test.ts',
  'test/runtime/waiting.test.ts',
  'test/systems/hostile-yaml.test.ts',
  'test/telemetry/log.test.ts',
  'test/tools/calculator.test.ts',
  'test/tools/extract-pattern.test.ts',
];
