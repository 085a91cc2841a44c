import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { PACKAGE_ROOT } from '../../src/package-root.ts';
import type { ReleaseOptions, runStep } from './run-step.ts';

type Step = { name?: string; uses?: string; run?: string };
type Job = { needs?: string | string[]; steps: Step[] };
export type Workflow = { env?: Record<string, string>; jobs: Record<string, Job> };

/** Steps of a workflow, as `npm run release` executes them. */
const LOCAL = /^npm run release -- (.+)$/;
/** Reasons why steps are not executed outside of GitHub. The first pattern that matches counts. */
const SKIPPED: readonly [pattern: RegExp, reason: string][] = [
  [/^npm ci$/, 'the packages of this checkout are used'],
  [/^\.ci\/run$|^npm run (verify|test)/, 'takes long: run it by itself'],
  [/--provenance/, 'publishes; provenance needs the identity of a job on GitHub'],
  [/npm (publish|dist-tag|deprecate)/, 'changes the registry'],
  [/docker /, 'changes the registry of images'],
  [/git push|gh /, 'changes the repository on GitHub'],
];

/** Reads a workflow of this repository. */
export function readWorkflow(name: string): Workflow {
  const file = join(PACKAGE_ROOT, '.github/workflows', `${name}.yml`);
  return parse(readFileSync(file, 'utf8')) as Workflow;
}

/** Returns the names of the jobs, each after those that it needs. */
export function jobsInOrder({ jobs }: Workflow): string[] {
  const order: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    if (order.includes(name)) return;
    if (path.includes(name)) throw new Error(`the jobs ${path.join(', ')} need each other`);
    const job = jobs[name];
    if (!job) throw new Error(`the job ${path.at(-1)} needs ${name}, which does not exist`);
    for (const needed of [job.needs ?? []].flat()) visit(needed, [...path, name]);
    order.push(name);
  };
  for (const name of Object.keys(jobs)) visit(name, []);
  return order;
}

/**
 * Executes the steps of a workflow that need no GitHub, and says for each other step why it is
 * skipped. Returns false if a step failed; later steps are then not executed.
 */
export async function dryRun(
  options: ReleaseOptions,
  run: typeof runStep,
  print: (line: string) => void,
): Promise<boolean> {
  const workflow = readWorkflow(options.workflow ?? 'release');
  for (const name of jobsInOrder(workflow)) {
    print(`job ${name}`);
    for (const step of workflow.jobs[name]?.steps ?? []) {
      if (!(await dryRunStep(step, options, run, print))) return false;
    }
  }
  return true;
}

/** Executes or skips one step. Returns false if it failed. */
async function dryRunStep(
  step: Step,
  options: ReleaseOptions,
  run: typeof runStep,
  print: (line: string) => void,
): Promise<boolean> {
  const line = step.run?.trim() ?? '';
  const title = step.name ?? (line || step.uses || '');
  const words = LOCAL.exec(line)?.[1]?.split(/\s+/) ?? [];
  const [own = ''] = words;
  if (words.length === 0 || (options.only && options.only !== own)) {
    const reason = words.length > 0 ? 'not named by --only' : reasonFor(step);
    print(`  skipped  ${title}: ${reason}`);
    return true;
  }
  try {
    const lines = await run(own, optionsOf(words, options));
    print(`  done     ${title}`);
    for (const one of lines) print(`           ${one}`);
    return true;
  } catch (error) {
    print(`  FAILED   ${title}`);
    for (const one of (error as Error).message.split('\n')) print(`           ${one}`);
    return false;
  }
}

/** Returns why a step is skipped. Throws if `SKIPPED` has no reason for the step. */
export function reasonFor({ uses, run = '', name }: Step): string {
  if (uses !== undefined) return 'an action that GitHub runs';
  const found = SKIPPED.find(([pattern]) => pattern.test(run.trim()));
  if (found) return found[1];
  throw new Error(`deploy/release/dry-run.ts does not know the step ${name ?? run}`);
}

/**
 * Returns the options of a step for a dry run. Expressions of GitHub and variables of the workflow
 * are replaced by the options of the command line. Without a tag, the version of the checkout
 * counts.
 */
function optionsOf([, ...words]: readonly string[], commandLine: ReleaseOptions): ReleaseOptions {
  const text = words.join(' ').replaceAll(/\$\{\{ *(\S+) *\}\}/g, '{$1}');
  const named = [...text.matchAll(/--([\w-]+) (\S+)/g)].map(([, key = '', value = '']) => [
    key,
    argumentFor(value, commandLine),
  ]);
  const options = Object.fromEntries(named.filter(([, value]) => value !== undefined));
  return { ...options, 'allow-unreleased': true } as ReleaseOptions;
}

function argumentFor(word: string, { out, tag, from, to }: ReleaseOptions): string | undefined {
  const values: Record<string, string | undefined> = {
    '{env.OUT}': out ?? '.howdah/release',
    '"$TAG"': tag,
    '{github.sha}': 'HEAD',
    '"v$FROM"': from ?? 'HEAD',
    '"v$TO"': to ?? 'HEAD',
  };
  return word in values ? values[word] : word;
}
