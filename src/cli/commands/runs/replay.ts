import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { AgentDefinition } from '../../../contracts/agents/definition.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import { exportRun, findDefinition } from '../../../db/queries/queries.ts';
import { parseJson } from '../../../json/parse-json.ts';
import type { Divergence } from '../../../runtime/replay/divergence.ts';
import { type Replay, replayRun } from '../../../runtime/replay/replay-run.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { requireExecution } from '../../input/resolve-id.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { plainText } from '../../output/terminal-text.ts';

type Options = { agent?: string; version?: number };

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Registers `howdah dev replay ID|FILE`, which runs the loop again with recorded answers. A file
 * needs no database, unless an agent is named.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<run>', 'id of a run, or a file written by `howdah runs export`')
    .option(
      '--agent <name>',
      'replay with the current version of this agent (default: the version of the run)',
    )
    .option('--version <n>', 'with --agent: use this version', versionNumber)
    .action(async (run: string, options: Options) => {
      if (options.version !== undefined && options.agent === undefined) {
        throw new HowdahError('EUSAGE', '--version needs --agent', {
          hint: `howdah dev replay ${run} --agent NAME --version ${options.version}`,
        });
      }
      const { exported, definition } = await load(io, run, options);
      show(io, await replayRun(exported, definition ? { definition } : {}));
    });
}

async function load(io: CliIo, run: string, { agent, version }: Options) {
  const file = ID.test(run) ? undefined : await readRun(run);
  if (file !== undefined && agent === undefined) {
    return { exported: file, definition: undefined };
  }
  return withDatabase(io, async ({ db }) => {
    const exported = file ?? parseJson(await exportRun(db, await requireExecution(db, run)));
    const found = agent === undefined ? undefined : await findDefinition(db, agent, version);
    if (agent !== undefined && !found) {
      throw new HowdahError('HWNTF', `agent ${agent} has no version ${version ?? 'yet'}`, {
        hint: 'Omit --version for the current version. List the agents: howdah agents',
      });
    }
    return { exported, definition: found as AgentDefinition | undefined };
  });
}

async function readRun(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause) => {
    throw new HowdahError('HWNTF', `'${path}' is neither a file nor the id of an execution`, {
      hint: 'Write a file: howdah runs export ID --out FILE. List the ids: howdah runs',
      cause,
    });
  });
  try {
    return parseJson(text);
  } catch (cause) {
    throw new HowdahError('EUSAGE', `${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
}

function show(io: CliIo, replay: Replay): void {
  const [first, ...others] = replay.divergences;
  if (first) {
    io.setExitCode(exitCodes.runFailed);
  }
  if (io.json) {
    printJson(io, replay);
    return;
  }
  if (!first) {
    io.out(`equal: ${replay.steps} steps as recorded`);
    return;
  }
  showDivergence(io, first);
  for (const { execution_id, seq, recorded } of others) {
    io.err(`also at step ${seq} of ${execution_id}: recorded ${plainText(recorded)}`);
  }
  const more = others.length > 0 ? `, the first of ${replay.divergences.length} divergences` : '';
  io.out(`diverged at step ${first.seq} (${first.kind}) of ${first.execution_id}${more}`);
}

function showDivergence(io: CliIo, { recorded, now, diff }: Divergence): void {
  io.out(`recorded  ${plainText(recorded)}`);
  io.out(`now       ${plainText(now)}`);
  for (const line of diff?.split('\n') ?? []) {
    io.out(plainText(line));
  }
}

function versionNumber(text: string): number {
  const version = Number(text);
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new InvalidArgumentError('--version must be a whole number of 1 or more');
  }
  return version;
}
