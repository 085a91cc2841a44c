/**
 * Test files that run in a new process each. They count the work or measure the memory of their
 * process, or replace a module that another file may have loaded.
 */
export const OWN_PROCESS = [
  'test/api/every-endpoint/hostile-bodies.test.ts',
  'test/cli/process/worker-memory.test.ts',
  'test/providers/openai/openai-load.test.ts',
  'test/resources/new-table.test.ts',
  'test/runtime/scheduling/waiting.test.ts',
  'test/systems/yaml/hostile-yaml.test.ts',
];
