/**
 * Test files that run in a new process each. They measure the CPU time or memory of their process,
 * or replace a module that another file may have loaded.
 */
export const OWN_PROCESS = [
  'test/api/every-endpoint/hostile-bodies.test.ts',
  'test/cli/process/worker-memory.test.ts',
  'test/providers/openai/openai-load.test.ts',
  'test/providers/http/sentence.test.ts',
  'test/runtime/model-calls/long-answers.test.ts',
  'test/runtime/scheduling/waiting.test.ts',
  'test/systems/yaml/hostile-yaml.test.ts',
  'test/telemetry/log.test.ts',
  'test/tools/calculator.test.ts',
  'test/tools/extract-pattern.test.ts',
];
