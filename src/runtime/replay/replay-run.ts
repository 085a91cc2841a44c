import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { ExportedRun } from '../../contracts/runs/exported-run.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { advance } from '../loop/advance.ts';
import { fillPromptTemplate } from '../scheduling/fill-prompt-template.ts';
import type { Divergence } from './divergence.ts';
import { recordedWorld } from './record/recorded-world.ts';
import { RunRecording } from './record/run-recording.ts';
import { ReplayChecker } from './replay-checker.ts';
import { ReplayedRun } from './replayed-run.ts';

export type ReplayOptions = {
  /** Instead of the definition the run had, as `agent_versions.definition` holds it; children, and agents it was handed to, keep theirs. */
  definition?: AgentDefinition;
};

export type Replay = {
  equal: boolean;
  /** Recorded steps that were judged, those of children too. */
  steps: number;
  /** In the order of the record; children come after the run they belong to. */
  divergences: Divergence[];
};

/** Claims in a row that bring the record no further: a wait for a time, a worker that died. */
const MOST_IDLE_CLAIMS = 5;

/**
 * Plays an exported run again: the loop of a worker, with the recorded answers of models, tools, people and children. It
 * writes nothing and reaches nothing. Where the run goes another way than its record, that is a divergence; the record
 * is taken as it stands there, so that each further one is a finding of its own. Throws `HWINV` for what is no exported run.
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

/** Of a workflow's run its members' are played again; who came when is for their own order to say. */
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

/** A document from which steps were cut at the end says nothing against itself but by their count. */
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
    const isOwn = recorded === record.run.definition; // and no other agent has it
    const definition = isOwn ? (instead ?? recorded) : recorded;
    const run = new ReplayedRun(record, judge, definition);
    await advance(run, recordedWorld(record, judge, run), () => false);
    idle = judge.position === position ? idle + 1 : 0;
    if (idle > MOST_IDLE_CLAIMS) {
      judge.wentElsewhere('nothing more happened');
    }
  }
}

/** The document of `howdah.export_run`, looked at just enough to be sure that it is one. */
export function readExportedRun(value: unknown): ExportedRun {
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
    throw withoutContents(value.contents);
  }
  return value as unknown as ExportedRun;
}

function withoutContents(contents: Json): HowdahError {
  const message = `what was said in this run is ${contents}, so it cannot be played again`;
  const hint =
    contents === 'redacted'
      ? 'Export it whole: howdah export-run ID without --redact'
      : 'Its contents were erased by hand or by howdah.retention_policies.';
  return new HowdahError('HWINV', message, { hint, detail: { contents } });
}

function noRun(fault: string): HowdahError {
  return new HowdahError('HWINV', `this is no exported run: ${fault}`, {
    hint: 'Make one: howdah export-run ID, or select howdah.export_run(id)',
  });
}
