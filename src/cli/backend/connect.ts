import type { Command } from 'commander';
import { type Connection, connect } from '../../client/connect.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import { exitCodes } from '../output/exit-codes.ts';
import { type CliIo, paint, printJson } from '../output/output.ts';
import { oneLine, plainText } from '../output/terminal-text.ts';
import { chosenServer, type Server } from './profiles.ts';

/** The `--api` option of commands that also work over REST. */
export const API_OPTION = [
  '--api <url>',
  'use the API of this server instead of a database (default: HOWDAH_API_URL, or the profile of howdah login)',
] as const;

/** A connection to the REST API of a server. `leave` ends the streams that are followed there. */
export type Api = Connection & { leave(): void };

/** Returns the server that the command uses. Returns undefined if it uses the database. */
export function serverFor(io: CliIo, command: Command): Promise<Server | undefined> {
  return chosenServer(io, command.optsWithGlobals<{ api?: string }>().api);
}

/** Connects to the server that the command uses. Returns undefined if it uses the database. */
export async function apiFor(io: CliIo, command: Command): Promise<Api | undefined> {
  const server = await serverFor(io, command);
  return server && apiOf(server);
}

/** Creates a connection to a server. */
export function apiOf(server: Server): Api {
  const leaving = new AbortController();
  const { url, token } = server;
  const options = { signal: leaving.signal, ...(token !== undefined && { token }) };
  return { ...connect(url, options), leave: () => leaving.abort() };
}

/** Creates the error for `--tenant` together with an API. */
export function tenantOverApi(): HowdahError {
  return new HowdahError(
    'EUSAGE',
    '--tenant cannot be used with an API: the API key determines the tenant',
    {
      hint: 'Set HOWDAH_API_KEY to a key of that tenant, or omit --tenant.',
    },
  );
}

export type ApiFollowOptions = {
  /** The step after which events are shown. */
  after?: number;
  /** True if this stops following a run that waits for a person, when nobody answers here. */
  isLeftWaiting?: boolean;
};

/**
 * Shows a run until it ends, as `showUntilEnd` does. The events are talk (stderr), and the answer
 * is the result (stdout).
 */
export async function showOverApi(
  io: CliIo,
  api: Api,
  id: string,
  { after = 0, isLeftWaiting = false }: ApiFollowOptions = {},
): Promise<void> {
  let isLeft = false;
  io.onInterrupt(() => {
    isLeft = true;
    io.err(`The run continues. Follow it again: howdah watch ${id}`);
    api.leave();
  });
  for await (const event of api.watch(id)) {
    if (event.event === 'token' || isBefore(event, after)) continue;
    if (event.event === 'complete' && event.data.status !== 'completed') {
      io.setExitCode(exitCodes.runFailed);
    }
    if (io.json) printJson(io, event);
    else show(io, event);
    if (event.event !== 'ask_user') continue;
    if (!(await isAnswered(io, api, event)) && isLeftWaiting && !isLeft) {
      io.setExitCode(exitCodes.waitingForPerson);
      return;
    }
  }
}

function isBefore({ event, data }: StreamEvent, after: number): boolean {
  return event !== 'complete' && Number(data.seq ?? after + 1) <= after;
}

function show(io: CliIo, streamEvent: StreamEvent): void {
  const { event, data } = streamEvent;
  if (event !== 'complete') {
    io.err(
      `${String(data.seq).padStart(3)}  ${event.padEnd(11)} ${paint(io, 'dim', wordsOf(streamEvent))}`,
    );
    return;
  }
  const tokens = Number(data.tokens_in) + Number(data.tokens_out);
  io.err(`${data.status} (${data.stop_reason}) · ${tokens} tokens · cost ${data.cost}`);
  if (data.status === 'completed') io.out(plainText(String(data.output ?? '')));
  else io.err(messageOf(data.error) ?? `the run was ${data.status}`);
}

/** Returns the text of an event in one line. */
function wordsOf({ data }: StreamEvent): string {
  const said =
    data.prompt ?? messageOf(data.error) ?? data.content ?? data.output ?? data.arguments ?? '';
  const named = data.tool ?? data.name ?? (data.kind === 'fork' ? 'fork' : undefined);
  const name = typeof named === 'string' ? `${named} ` : '';
  return name + oneLine(typeof said === 'string' ? said : JSON.stringify(said));
}

function messageOf(error: unknown): string | undefined {
  const message = (error as { message?: unknown } | null | undefined)?.message;
  return typeof message === 'string' ? message : undefined;
}

async function isAnswered(io: CliIo, api: Api, { data }: StreamEvent): Promise<boolean> {
  const id = String(data.question_id);
  const { status } = await api.call('getQuestion', { params: { id } });
  if (status !== 'open') return true; // the stream also replays past events
  const line = io.json ? undefined : (await io.ask?.('answer: '))?.trim();
  if (line) {
    await api.answer(id, line);
    return true;
  }
  if (!io.json) io.err(`  howdah answer ${id} TEXT`);
  return false;
}
