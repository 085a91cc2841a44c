import type { Config } from '../../config.ts';
import { resolveServer, type Server } from '../backend/profile-file.ts';
import { type CliIo, paint, printJson } from '../output/output.ts';
import { inCell, oneLine } from '../output/terminal-text.ts';
import { type Status, unknownStatus } from './status.ts';
import { type NextCommand, suggestNextCommands } from './suggest-next.ts';

/**
 * Prints the status for `howdah` alone, and the commands that may come next. Starts nothing,
 * changes nothing, and waits no longer than the patience of `io`. Returns true if something was
 * still in progress, which is left to the end of the process.
 */
export async function printStatus(io: CliIo): Promise<boolean> {
  const config = await io.config();
  const server = await resolveServer(io);
  const status = unknownStatus();
  const leaving = new AbortController();
  const [look, ms] = server
    ? [await lookingAt(server, leaving.signal), 2 * io.patienceMs]
    : [await lookingHere(config), io.patienceMs];
  const silence = silenceOf(ms); // counts from now on, not from the loading of modules
  const looking = look(status, silence);
  const isLate = await Promise.race([looking.then(() => false), silence.over]).finally(silence.end);
  const seen = structuredClone(status); // later results change the original
  if (isLate) seen.problem = `no further answer within ${silence.ms / 1_000} s`;
  leaving.abort();
  print(io, seen, suggestNextCommands(seen));
  return isLate;
}

type Look = (status: Status, silence: { ms: number; touch: () => void }) => Promise<void>;

async function lookingAt(server: Server, signal: AbortSignal): Promise<Look> {
  const { probeServer } = await import('./probe-server.ts');
  return (status) => probeServer(status, server, signal);
}

async function lookingHere(config: Config): Promise<Look> {
  const { probeDatabase } = await import('./probe-database.ts');
  return (status, silence) => probeDatabase(status, config, silence);
}

/** Creates a timer that is over when nothing was heard for `ms` milliseconds. */
function silenceOf(ms: number) {
  const { promise, resolve } = Promise.withResolvers<true>();
  const timer = setTimeout(() => resolve(true), ms);
  const touch = () => {
    timer.refresh();
  };
  return { ms, touch, over: promise, end: () => clearTimeout(timer) };
}

function print(io: CliIo, status: Status, next: NextCommand[]): void {
  if (io.json) {
    printJson(io, { ...status, next });
    return;
  }
  const shade = (style: 'dim' | 'cyan', text: string) =>
    io.isTerminal ? paint(io, style, text) : text;
  const lines = linesOf(status);
  const width = Math.max(...lines.map(([name]) => name.length));
  for (const [name, text] of lines) io.out(`${shade('dim', name.padEnd(width))}  ${text}`);
  io.out('');
  const column = Math.max(...next.map(({ command }) => command.length));
  for (const { command, why } of next) {
    io.out(`  ${shade('cyan', command.padEnd(column))}  ${why}`);
  }
}

function linesOf(status: Status): [name: string, text: string][] {
  const { tenant, workers, model, runs, questions, problem } = status;
  const of = (name: string, text: string | null): [string, string][] =>
    text === null ? [] : [[name, inCell(text)]];
  return [
    ...of('server', serverLine(status)),
    ...of('database', databaseLine(status)),
    ...of('problem', problem),
    ...of('schema', schemaLine(status)),
    ...of('tenant', tenant),
    ...of('workers', workers && (workers.alive ? (workers.count?.toString() ?? 'alive') : 'none')),
    ...of('model', model && `${model.model} by ${model.provider}`),
    ...of('runs', runs && runsLine(runs)),
    ...of('questions', questions && (questions.open === 0 ? 'none' : `${questions.open} open`)),
    ...of('alerts', alertsLine(status)),
  ];
}

function serverLine({ server }: Status): string | null {
  if (!server) return null;
  const named = server.profile === null ? '' : ` (profile ${server.profile})`;
  return `${server.url}${named}${NOT_READY[server.state] ?? ''}`;
}

const NOT_READY: Readonly<Record<string, string>> = {
  refused: ', login rejected',
  unreachable: ', unreachable',
  empty: ', without a Howdah schema',
};

const STATES: Readonly<Record<string, string>> = {
  none: 'none yet',
  stopped: 'embedded PostgreSQL, stopped',
  busy: 'embedded PostgreSQL, starting or stopping',
};

function databaseLine({ database }: Status): string | null {
  if (!database) return null;
  const { state, address, is_embedded } = database;
  const place = `${address}${is_embedded ? ' (embedded)' : ''}`;
  return STATES[state] ?? `${place}${NOT_READY[state] ?? ''}`;
}

function schemaLine({ schema }: Status): string | null {
  if (!schema) return null;
  const { applied, pending, newer, sql } = schema;
  if (newer > 0) return `newer than this program: ${newer} migrations`;
  if (pending > 0) return `${pending} migrations pending, ${applied} applied`;
  return sql === 'current' ? 'up to date' : 'its functions belong to another release';
}

function runsLine(runs: NonNullable<Status['runs']>): string {
  const live = (['running', 'queued', 'waiting', 'paused'] as const)
    .filter((status) => runs[status] > 0)
    .map((status) => `${runs[status]} ${status}`);
  const failed = runs.failed > 0 ? [`${runs.failed} failed in the last day`] : [];
  return [...live, ...failed].join(', ') || 'none live, none failed in the last day';
}

function alertsLine({ alerts }: Status): string | null {
  if (!alerts?.worst) return null;
  const { critical, warning, worst } = alerts;
  return `${critical} critical, ${warning} warning${warning === 1 ? '' : 's'}; the most severe: ${oneLine(worst)}`;
}
