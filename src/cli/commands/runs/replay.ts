import { type Command, InvalidArgumentError } from 'commander';
import type { AgentDefinition } from '../../../contracts/agents/definition.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import { parseJson } from '../../../json/parse-json.ts';
import { versionOperations } from '../../../operations/definitions/versions.ts';
import { exportRun } from '../../../operations/runs/run-export.ts';
import { agents } from '../../../resources/definitions/agents.ts';
import type { Divergence } from '../../../runtime/replay/divergence.ts';
import { type Replay, replayRun } from '../../../runtime/replay/replay-run.ts';
import type { Backend } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { hintIfNotFound } from '../../backend/unknown-name.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { readUtf8File } from '../../input/utf8-text.ts';
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
    .option(...API_OPTION)
    .action(async (run: string, options: Options, self: Command) => {
      if (options.version !== undefined && options.agent === undefined) {
        throw new HowdahError('EUSAGE', '--version needs --agent', {
          hint: `howdah dev replay ${run} --agent NAME --version ${options.version}`,
        });
      }
      const { exported, ...replaced } = await load(io, self, run, options);
      show(io, await replayRun(exported, replaced));
    });
}

async function load(io: CliIo, self: Command, run: string, { agent, version }: Options) {
  const file = ID.test(run) ? undefined : await readRun(run);
  if (file !== undefined && agent === undefined) {
    return { exported: file };
  }
  return withBackend(io, self, {}, async (backend) => {
    const exported = file ?? (await exportOf(backend, run.toLowerCase()));
    const definition = agent === undefined ? {} : await definitionOf(backend, agent, version);
    return { exported, ...definition };
  });
}

async function exportOf({ runs, call }: Backend, id: string): Promise<unknown> {
  await runs.find(id);
  return parseJson(await call(exportRun, { params: { id } }));
}

/** Returns the definition of an agent in a version, by default in the current one. */
async function definitionOf(
  { definitions, call }: Backend,
  name: string,
  wanted: number | undefined,
): Promise<{ definition: AgentDefinition }> {
  const agent = await definitions.find(agents, name);
  const version = String(wanted ?? agent.version);
  const { get } = versionOperations(agents);
  const { definition } = await call(get, { params: { id: agent.id, version } }).catch(
    hintIfNotFound(`List the versions: howdah dev versions ${name}`),
  );
  return { definition: definition as unknown as AgentDefinition };
}

async function readRun(path: string): Promise<unknown> {
  const text = await readUtf8File(path).catch((cause) => {
    if (cause instanceof HowdahError) throw cause;
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
