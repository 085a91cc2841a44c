import { ERROR_CODES } from '../../contracts/errors.ts';
import { exitCodeFor } from '../output/exit-codes.ts';

/** The form of an error in an interface. */
export type ErrorForm = { where: string; as: string };

/** Errors of tool calls. The model receives them, and the run continues. */
const CALL_CODES = new Set(['invalid_arguments', 'unknown_tool', 'tool_failed', 'rejected']);

const OF_CALLS: readonly ErrorForm[] = [
  { where: 'run', as: 'error of the step tool; the model receives it and may act on it' },
  {
    where: 'REST, GraphQL',
    as: 'the error of the step; the request that reads it is answered 200',
  },
  { where: 'SSE, WebSocket', as: 'an event observation' },
  { where: 'howdah', as: 'howdah show ID prints it with its step; the run goes on' },
];

const OF_RUNS: readonly ErrorForm[] = [
  { where: 'run', as: 'error of the run and of its step; stop_reason is error' },
  { where: 'REST, GraphQL', as: 'the error of the run; the request that reads it is answered 200' },
  {
    where: 'OpenAI',
    as: '500 with this code for a chat completion; a response has failed with server_error',
  },
  { where: 'A2A', as: 'a task that has failed' },
  { where: 'MCP', as: 'a result with isError' },
  { where: 'AG-UI', as: 'RUN_ERROR with this code' },
  { where: 'SSE, WebSocket', as: 'an event error' },
  { where: 'howdah', as: 'exits 6 from run and watch' },
];

/** The interfaces in the order in which a page lists them. */
const ORDER = [
  ...['run', 'worker', 'client', 'SQL', 'REST, GraphQL', 'GraphQL', 'REST', 'OpenAI', 'A2A'],
  ...['MCP', 'AG-UI', 'SSE, WebSocket', 'WebSocket', 'howdah'],
];

/**
 * Returns the form of an error in each interface. `own` are the forms that the page of the code
 * names. They come in place of those that follow from the code alone.
 */
export function formsOf(code: string, own: readonly ErrorForm[]): ErrorForm[] {
  const named = new Set(own.map(({ where }) => where));
  const usual = usualForms(code, own).filter(({ where }) => !named.has(where));
  return [...own, ...usual].toSorted((a, b) => ORDER.indexOf(a.where) - ORDER.indexOf(b.where));
}

function usualForms(code: string, own: readonly ErrorForm[]): readonly ErrorForm[] {
  if (CALL_CODES.has(code)) return OF_CALLS;
  if (code === 'cancelled') return []; // each interface has a word of its own for it
  if ((ERROR_CODES as readonly string[]).includes(code)) return OF_RUNS;
  const exit = { where: 'howdah', as: `exits ${exitCodeFor(code)}` };
  if (/^HW/.test(code) && code !== 'HWSTL') return [...ofRefusals(code, own), exit];
  const isPostgres = /^\d/.test(code);
  if (isPostgres && own.length > 0) return [{ where: 'SQL', as: `SQLSTATE ${code}` }, exit];
  const isOfProgram = isPostgres || /^E[A-Z]+$/.test(code);
  return isOfProgram && !own.some(({ where }) => where === 'client') ? [exit] : [];
}

/** The forms of a rejected request. `own` has the status over REST. */
function ofRefusals(code: string, own: readonly ErrorForm[]): ErrorForm[] {
  const [status = ''] = /^\d+/.exec(own.find(({ where }) => where === 'REST')?.as ?? '') ?? [];
  return [
    { where: 'SQL', as: `SQLSTATE ${code}` },
    { where: 'GraphQL', as: 'extensions.code' },
    { where: 'MCP', as: `a result with isError, ${code} in _meta` },
    { where: 'WebSocket', as: `a message error with a problem of status ${status}` },
  ];
}
