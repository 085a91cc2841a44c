import { parseArgs } from 'node:util';
import { dryRun } from './dry-run.ts';
import { runStep, USAGE } from './run-step.ts';

// Executes the steps of .github/workflows/release.yml and rollback.yml: npm run release -- STEP.
// With --dry-run it executes the steps of a workflow that need no GitHub.

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'dry-run': { type: 'boolean' },
      'allow-unreleased': { type: 'boolean' },
      workflow: { type: 'string' },
      only: { type: 'string' },
      tag: { type: 'string' },
      out: { type: 'string' },
      commit: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
    },
  });
  const [step] = positionals;
  try {
    if (values['dry-run']) return (await dryRun(values, runStep, console.log)) ? 0 : 1;
    if (step === undefined) throw new Error(USAGE);
    for (const line of await runStep(step, values)) console.log(line);
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

if (import.meta.main) process.exitCode = await main();
