import { parseArgs } from 'node:util';
import { checkRollback } from './check-rollback.ts';
import { checkVersion } from './check-version.ts';
import { dryRun } from './dry-run.ts';
import { packAll } from './pack.ts';
import { recordSchema } from './record-schema.ts';
import { writeSbom } from './sbom.ts';

// Executes the steps of .github/workflows/release.yml and rollback.yml: npm run release -- STEP.
// With --dry-run it executes the steps of a workflow that need no GitHub.

const USAGE = `npm run release -- --dry-run [--workflow release|rollback] [--only STEP] [--out FOLDER] [--from REF --to REF]
npm run release -- check-version --tag v1.2.3
npm run release -- pack --out FOLDER
npm run release -- sbom --out FOLDER
npm run release -- record-schema --commit REF --out FOLDER
npm run release -- check-rollback --from REF --to REF`;

/** The options of all steps. */
export type ReleaseOptions = {
  'dry-run'?: boolean;
  workflow?: string;
  only?: string;
  tag?: string;
  out?: string;
  commit?: string;
  from?: string;
  to?: string;
  'allow-unreleased'?: boolean;
};

/**
 * Executes one step. Returns lines that say what it did. Throws if the release must not continue.
 */
export async function runStep(name: string, options: ReleaseOptions): Promise<string[]> {
  const { tag, out = 'release-artifacts', commit = 'HEAD', from = '', to = '' } = options;
  switch (name) {
    case 'check-version':
      return checkVersion({ tag, mayBeUnreleased: options['allow-unreleased'] === true });
    case 'pack':
      return packAll(out);
    case 'sbom':
      return writeSbom(out);
    case 'record-schema':
      return recordSchema(commit, out);
    case 'check-rollback':
      return checkRollback(from, to);
    default:
      throw new Error(`there is no step ${name}\n${USAGE}`);
  }
}

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
