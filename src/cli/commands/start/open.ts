import type { Command } from 'commander';
import type { Config } from '../../../config.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import { inBrackets } from '../../../network/addresses.ts';
import { API_OPTION, connectTo, serverOf } from '../../backend/connect-server.ts';
import { resolveServer, type Server } from '../../backend/profile-file.ts';
import { createServerRuns } from '../../backend/server/server-runs.ts';
import { executionId } from '../../input/resolve-id.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { openPage } from '../../process/browser.ts';

const NEWEST = '-';
const PATIENCE_MS = 10_000;

/**
 * Registers `howdah dev open [ID]`, which opens the console of a running server, or its page of a
 * run, in a browser.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument(
      '[id]',
      `id of the run to show; ${NEWEST} shows the newest, chosen as howdah watch chooses it`,
    )
    .option(
      API_OPTION[0],
      'address of the server (default: HOWDAH_API_URL, or the profile of howdah admin login, else the server at HOST and PORT)',
    )
    .action(async (text: string | undefined, _options: unknown, self: Command) => {
      const named = text === undefined || text === NEWEST ? text : executionId(text);
      const chosen = await serverOf(io, self);
      const server = chosen ?? (await localServer(io));
      await refuseOthers(server, chosen === undefined);
      const run = named === undefined ? undefined : await knownRun(server, named);
      await show(io, server, run);
    });
}

/** Returns the server that `howdah start` starts with these settings. */
async function localServer(io: CliIo): Promise<Server> {
  const config = await io.config();
  if (config.port === 0) {
    throw new HowdahError(
      'EUSAGE',
      'PORT is 0 (any free port), so the address of the server is unknown',
      {
        hint: 'Name the server: --api http://127.0.0.1:8000',
      },
    );
  }
  const url = localUrl(config);
  return (await resolveServer(io, url)) ?? { url, token: undefined, origin: 'HOST and PORT' };
}

/**
 * Returns the URL of the local server. A server that listens on all addresses also listens on the
 * loopback address.
 */
function localUrl({ host, port }: Config): string {
  const name = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return `http://${inBrackets(name)}:${port}`;
}

/** Throws `EUNREACHABLE` if nothing answers, or if something other than Howdah answers. */
async function refuseOthers({ url }: Server, isLocal: boolean): Promise<void> {
  const hint = isLocal
    ? 'Start it with howdah start, or name another server with --api URL.'
    : 'Check the address, and that the server is running.';
  const answer = await get(`${url}/healthz`).catch((cause: unknown) => {
    throw new HowdahError('EUNREACHABLE', `${url} cannot be reached`, { hint, cause });
  });
  const health: unknown = await answer.json().catch(() => undefined);
  if (answer.ok && (health as { status?: unknown } | undefined)?.status === 'ok') return;
  throw new HowdahError('EUNREACHABLE', `the server at ${url} is not a Howdah server`, {
    hint: isLocal ? 'Name the server with --api URL, or use another PORT.' : 'Check the address.',
  });
}

function get(url: string): Promise<Response> {
  return fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS) });
}

async function knownRun(server: Server, named: string): Promise<string> {
  const api = connectTo(server);
  if (named === NEWEST) return createServerRuns(api).latest();
  return (await api.call('getExecution', { params: { id: named } })).id;
}

/** Prints the URL, and opens the page for a person at the machine with the display. */
async function show(io: CliIo, { url, token }: Server, run: string | undefined): Promise<void> {
  const page = `${url}/${run === undefined ? '' : `runs/${run}`}`;
  if (io.json) return printJson(io, { url: page, page: 'console', execution_id: run ?? null });
  io.out(page);
  if (token !== undefined) io.err('Log in there with your API key or token.');
  const { hasDisplay } = await io.config();
  if (!hasDisplay || !io.isTerminal || !io.ask) return;
  if (!(await openPage(page))) io.err('The browser could not be opened. Open the URL yourself.');
}
