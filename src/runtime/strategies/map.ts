import type { AgentDefinition, Member, Team } from '../../contracts/agents/definition.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import { MAX_JOINED_BYTES, SizeLimitError } from '../../contracts/size-limits.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { countPlaceholders, interpolate } from '../messages/interpolate.ts';
import { failurePolicyOf } from '../teams/failure-policy.ts';
import { pendingAction } from '../teams/fan-out.ts';
import { type NamedTask, resultOf } from '../teams/join-answers.ts';
import { taskFor, tasksOf } from '../teams/tasks.ts';
import { failTeam, finishTeam, MAX_MEMBERS_PER_COMMIT } from '../teams/team-actions.ts';
import { RETRY_STEP_NAME } from '../tool-plans/open-calls.ts';

/** Maximum number of items of one run. More items need several runs. */
const MOST = 10_000;
const AT_ONCE = 8;
/** Most placeholders that are filled for one commit. */
const PLACEHOLDERS_PER_COMMIT = 100_000;

/**
 * Returns the next action of a map workflow, which gives each item of a list to the worker. The
 * results are in the order of the items, with null where there is none.
 */
export function nextMapAction(definition: AgentDefinition, state: RunState): Action {
  const { members, configuration } = definition.workflow as Team;
  const [worker] = members as [Member];
  const items = itemsOf(configuration, state);
  if (!Array.isArray(items)) {
    return items;
  }
  if (items.length > MOST) {
    return failTeam(
      'limit_reached',
      `input_data has ${items.length} items, but one run may process at most ${MOST}`,
    );
  }
  const tasks = tasksOf(state);
  const policy = failurePolicyOf(configuration, 'fail');
  const missing = items.flatMap((item, at) => {
    const id = String(at + 1);
    if (tasks.has(id)) return [];
    return [() => taskFor(id, worker, inputOfItem(item, state, configuration))];
  });
  const named = items.flatMap((_item, at) => {
    const task = tasks.get(String(at + 1));
    return task ? [{ name: `item ${at + 1}`, task }] : [];
  });
  const tasksOfItems = {
    policy,
    configuration,
    named,
    missing,
    per_commit: perCommit(configuration),
  };
  return pendingAction(state, tasksOfItems, AT_ONCE) ?? results(named);
}

/**
 * Returns the rows of the query, or the list that came with the run. Returns an action when the
 * rows have not been read, or when there is no list.
 */
function itemsOf(
  { query }: JsonObject,
  { steps_since_answer: steps, task }: RunState,
): Json[] | Action {
  if (typeof query !== 'string') {
    return Array.isArray(task?.data)
      ? task.data
      : failTeam('invalid_request', 'input_data is not a JSON array');
  }
  const retried = steps.findLastIndex(
    ({ kind, name }) => kind === 'retry' && name === RETRY_STEP_NAME,
  );
  const read = steps.findLast(
    ({ kind, error }, at) => kind === 'tool' && (error === null || at > retried),
  );
  if (!read) {
    return { type: 'read_rows', query, most: MOST };
  }
  return read.error ? failOnRefusal(read.error) : (read.output as Json[]);
}

/** Fails the run with the error that Postgres reported for the query, its position and its hint. */
function failOnRefusal({ message, cause = null }: RunError): Action {
  const known: JsonObject = isJsonObject(cause) ? cause : {};
  const place = 'line' in known ? `, line ${known.line}, column ${known.column}` : '';
  const advice = 'hint' in known ? ` (${known.hint})` : '';
  const field = 'configuration.query';
  return failTeam('query_failed', `${field}${place}: ${message}${advice}`, { field, ...known });
}

/** Returns how many items are filled into the template before others have a turn. */
function perCommit({ template }: JsonObject): number {
  const placeholders = typeof template === 'string' ? countPlaceholders(template) : 0;
  const most = Math.floor(PLACEHOLDERS_PER_COMMIT / Math.max(1, placeholders));
  return Math.min(MAX_MEMBERS_PER_COMMIT, Math.max(1, most));
}

function results(named: readonly NamedTask[]): Action {
  const all = named.map(({ task }) => (task.state === 'answered' ? resultOf(task) : null));
  const texts: string[] = [];
  let bytes = 0;
  for (const result of all) {
    const text = JSON.stringify(result);
    bytes += Buffer.byteLength(text) + 1;
    if (bytes > MAX_JOINED_BYTES) {
      throw new SizeLimitError('the list of all results', MAX_JOINED_BYTES);
    }
    texts.push(text);
  }
  return finishTeam(
    `[${texts.join(',')}]`,
    all,
    named.map(({ task }) => task),
  );
}

/** Returns the input of an item: the item after the task, or what the template makes of both. */
function inputOfItem(item: Json, state: RunState, { template }: JsonObject): string {
  const input = state.task?.input ?? '';
  const text = typeof item === 'string' ? item : JSON.stringify(item);
  if (typeof template === 'string') {
    return interpolate(template, { ...(isJsonObject(item) ? item : {}), item, input });
  }
  return input ? `${input}\n\n${text}` : text;
}
