import type { JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { KnownNames } from '../runs/run-filter.ts';
import type { PlaygroundAgent } from '../server/operations.generated.ts';

/** An agent with what its columns choose from. */
export type AgentDetail = NonNullable<NonNullable<PlaygroundAgent['agents']>['nodes'][number]>;

/** The agent or workflow of a column, and its settings for one run. Empty keeps the own setting. */
export type Column = {
  agent: string;
  /** The workflow, if no agent answers. An agent may have the same name. */
  workflow: string;
  /** A number or a label of a version. */
  version: string;
  model: string;
  temperature: string;
  /** An instruction in place of the one of the version. */
  instruction: string;
  /** The run that the column shows. */
  run: string;
};

export const MAX_COLUMNS = 4;
const NAMES = [
  ...(['agent', 'workflow', 'version', 'model', 'temperature', 'instruction', 'run'] as const),
];

export const EMPTY_COLUMN: Column = {
  ...{ agent: '', workflow: '', version: '', model: '', temperature: '', instruction: '', run: '' },
};

/**
 * Reads the columns of a URL: each parameter has a value for each column, in order. Without any
 * there is one column.
 */
export function readColumns(search: URLSearchParams): Column[] {
  const count = Math.max(1, ...NAMES.map((name) => search.getAll(name).length));
  return Array.from({ length: Math.min(MAX_COLUMNS, count) }, (_, index) => {
    const column = { ...EMPTY_COLUMN };
    for (const name of NAMES) column[name] = search.getAll(name)[index] ?? '';
    return column;
  });
}

/** Writes columns as parameters of a URL, without parameters that no column has. */
export function writeColumns(columns: readonly Column[]): string {
  const search = new URLSearchParams();
  for (const name of NAMES) {
    const isUsed = name === 'agent' || columns.some((one) => one[name] !== '');
    if (isUsed) for (const one of columns) search.append(name, one[name]);
  }
  return search.toString();
}

/** Returns the overrides of the run of a column; undefined if it has none. */
export function overridesOf({ model, temperature, instruction }: Column): JsonObject | undefined {
  const degrees = temperatureOf(temperature);
  const overrides: JsonObject = {
    ...(model !== '' && { model }),
    ...(degrees !== undefined && { request_params: { temperature: degrees } }),
    ...(instruction !== '' && { mission_override: instruction }),
  };
  return Object.keys(overrides).length > 0 ? overrides : undefined;
}

/** Agent or workflow of a column, as the list of both has it. */
type Subject = { kind: 'agent' | 'workflow'; name: string };

/** Returns the agent or the workflow of a column; undefined for a new column. */
export function subjectOfColumn({ agent, workflow }: Column): Subject | undefined {
  if (agent !== '') return { kind: 'agent', name: agent };
  return workflow === '' ? undefined : { kind: 'workflow', name: workflow };
}

/**
 * Returns a column whose subject is known: a new one gets the agent. `agent=` of older links may
 * name a workflow.
 */
export function withSubject(column: Column, first: string, names: KnownNames | undefined): Column {
  const { agent, workflow } = column;
  if (agent === '') return workflow === '' ? { ...column, agent: first } : column;
  const isWorkflow = names?.agents.has(agent) === false && names.workflows.has(agent);
  return isWorkflow ? { ...column, agent: '', workflow: agent } : { ...column, workflow: '' };
}

/** Returns whether a column has a subject, and a temperature that is a number if it has one. */
export function isComplete(column: Column): boolean {
  return subjectOfColumn(column) !== undefined && isRightTemperature(column.temperature);
}

/** Returns whether a text is a temperature or empty. */
export function isRightTemperature(text: string): boolean {
  return text.trim() === '' || temperatureOf(text) !== undefined;
}

/** Reads a temperature. Returns undefined for an empty text and for anything but a number. */
export function temperatureOf(text: string): number | undefined {
  if (!/^\d+(\.\d+)?$/.test(text.trim())) return undefined;
  return parseJson<number>(String(Number(text)));
}
