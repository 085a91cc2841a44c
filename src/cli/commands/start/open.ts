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

/** A page of a server, and the lines to print about it. */
type Page = { url: string; page: 'graphiql' | 'docs' | 'run'; words: string[] };

/**
 * Registers `howdah dev open [ID]`, which opens the page of a running server, or of one run there,
 * in a browser.
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
      const page = pageOf(server, await hasGraphiql(server), run);
      await show(io, page, run);
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

async function hasGraphiql({ url }: Server): Promise<boolean> {
  const answer = await get(`${url}/graphiql`);
  await answer.body?.cancel();
  return answer.status === 200;
}

function pageOf({ url, token }: Server, isGraphiql: boolean, run: string | undefined): Page {
  const login =
    token === undefined ? [] : ['Set your key under Headers: {"authorization": "Bearer KEY"}'];
  if (isGraphiql) {
    return run === undefined
      ? { url: `${url}/graphiql`, page: 'graphiql', words: login }
      : {
          url: `${url}/graphiql?run=${run}`,
          page: 'graphiql',
          words: ['Press the play button to follow the run.', ...login],
        };
  }
  const off = 'This server has no GraphiQL (HOWDAH_GRAPHQL_INTROSPECTION).';
  return run === undefined
    ? { url: `${url}/docs`, page: 'docs', words: [`${off} This page documents its REST API.`] }
    : {
        url: `${url}/api/executions/${run}`,
        page: 'run',
        words: [
          `${off} This URL returns the run as JSON and needs a key. Follow the run: howdah watch ${run}`,
        ],
      };
}

/**
 * Prints the URL, and opens the page for a person at the machine with the display. A page of a run
 * is not opened, because a browser has no key for a run.
 */
async function show(io: CliIo, { url, page, words }: Page, run: string | undefined): Promise<void> {
  if (io.json) return printJson(io, { url, page, execution_id: run ?? null });
  io.out(url);
  for (const word of words) io.err(word);
  const { hasDisplay } = await io.config();
  if (page === 'run' || !hasDisplay || !io.isTerminal || !io.ask) return;
  if (!(await openPage(url))) io.err('The browser could not be opened. Open the URL yourself.');
}
