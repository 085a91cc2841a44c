import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { ExportedRun } from '../../contracts/runs/exported-run.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { advance } from '../loop/advance.ts';
import { fillPromptTemplate } from '../messages/fill-prompt-template.ts';
import type { Divergence } from './divergence.ts';
import { recordedWorld } from './record/recorded-world.ts';
import { RunRecording } from './record/run-recording.ts';
import { ReplayChecker } from './replay-checker.ts';
import { ReplayedRun } from './replayed-run.ts';

export type ReplayOptions = {
  /**
   * Definition to use instead of the definition of the run, in the form of
   * `agent_versions.definition`. Children, and agents to which the run was handed over, keep their
   * definitions.
   */
  definition?: AgentDefinition;
};

export type Replay = {
  equal: boolean;
  /** Number of recorded steps that were judged, including the steps of children. */
  steps: number;
  /**
   * Divergences in the order of the record. The divergences of children come after those of their
   * parent run.
   */
  divergences: Divergence[];
};

/**
 * Maximum number of consecutive claims without progress in the record. Such a claim is a wait for a
 * time, or a worker that died.
 */
const MAX_IDLE_CLAIMS = 5;

/**
 * Replays an exported run: runs the loop of a worker with the recorded answers of models, tools,
 * people and children. A replay writes nothing and contacts nothing. A difference between the
 * replay and the record is a divergence. After a divergence the replay continues from the record,
 * so that each further divergence is a finding of its own. Throws `HWINV` for a value that is no
 * exported run.
 */
export async function replayRun(exported: unknown, options: ReplayOptions = {}): Promise<Replay> {
  const run = readExportedRun(exported);
  const own = run.definition.workflow ? NOT_PLAYED : await replayOwn(run, options);
  const below = await Promise.all(run.children.map((child) => replayRun(child)));
  const divergences = [own, ...below].flatMap((one) => one.divergences);
  return {
    equal: divergences.length === 0,
    steps: below.reduce((sum, child) => sum + child.steps, own.steps),
    divergences,
  };
}

/**
 * Result for the run of a workflow. Only the runs of its members are replayed; the order in which
 * members answered is given by their own runs.
 */
const NOT_PLAYED: Pick<Replay, 'steps' | 'divergences'> = { steps: 0, divergences: [] };

async function replayOwn(
  run: ExportedRun,
  { definition }: ReplayOptions,
): Promise<Pick<Replay, 'steps' | 'divergences'>> {
  const record = new RunRecording(run);
  const judge = new ReplayChecker(record);
  const other = definition && fillPromptTemplate(definition, run.execution.input_data ?? null);
  await play(record, judge, other);
  return {
    steps: record.steps.length - Math.min(record.start, record.steps.length),
    divergences: judge.divergences.length > 0 ? judge.divergences : gaps(run),
  };
}

/**
 * Returns a divergence when the number of steps is wrong. Only this number shows that steps were
 * removed from the end of a document.
 */
function gaps({ execution, steps }: ExportedRun): Divergence[] {
  const { id, step_count } = execution;
  return steps.length === step_count
    ? []
    : [
        {
          execution_id: id,
          seq: steps.length + 1,
          kind: 'end',
          recorded: `the run has ${step_count} steps`,
          now: `the record holds ${steps.length} of them`,
        },
      ];
}

async function play(
  record: RunRecording,
  judge: ReplayChecker,
  instead: AgentDefinition | undefined,
): Promise<void> {
  let idle = 0;
  while (!judge.isOver) {
    const { position } = judge;
    const recorded = record.definitionAt(position);
    const isOwn = recorded === record.run.definition; // and the run was not handed to another agent
    const definition = isOwn ? (instead ?? recorded) : recorded;
    const run = new ReplayedRun(record, judge, definition);
    await advance(run, recordedWorld(record, judge, run), () => false);
    idle = judge.position === position ? idle + 1 : 0;
    if (idle > MAX_IDLE_CLAIMS) {
      judge.recordDivergence('nothing more happened');
    }
  }
}

/**
 * Reads a document of `howdah.export_run`. Checks only enough to be sure that the value is such a
 * document. `consequence` says in the error what missing contents prevent.
 */
export function readExportedRun(
  value: unknown,
  consequence = 'it cannot be replayed',
): ExportedRun {
  if (!isJsonObject(value) || value.format !== 'howdah-run' || value.version !== 1) {
    throw noRun('format and version are not "howdah-run" and 1');
  }
  const lists = ['history', 'steps', 'messages', 'questions', 'children'];
  const missing = [
    ...['execution', 'definition'].filter((name) => !isJsonObject(value[name])),
    ...lists.filter((name) => !Array.isArray(value[name])),
  ];
  if (missing.length > 0) {
    throw noRun(`${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`);
  }
  if (value.contents !== undefined) {
    throw withoutContents(value.contents, consequence);
  }
  return value as unknown as ExportedRun;
}

function withoutContents(contents: Json, consequence: string): HowdahError {
  const message = `the contents of this run are ${contents}, so ${consequence}`;
  const hint =
    contents === 'redacted'
      ? 'Export it completely: howdah export-run ID without --redact'
      : 'Its contents were erased manually or by howdah.retention_policies.';
  return new HowdahError('HWINV', message, { hint, detail: { contents } });
}

function noRun(fault: string): HowdahError {
  return new HowdahError('HWINV', `the file is not an exported run: ${fault}`, {
    hint: 'Export a run with howdah export-run ID, or select howdah.export_run(id)',
  });
}
