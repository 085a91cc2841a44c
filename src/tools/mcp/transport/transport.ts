import { tmpdir } from 'node:os';
import { StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client';
import type { AccessTokens } from '../../../contracts/connected-account.ts';
import type { Outcome } from '../../../contracts/errors.ts';
import type { ReadSecret } from '../../../contracts/secret.ts';
import { markingFetch } from '../../../json/mark-lines.ts';
import { parseJson } from '../../../json/parse-json.ts';
import { hostPatternOf } from '../../../network/host-pattern.ts';
import { Redaction } from '../../../redaction/redaction.ts';
import type { McpCommands } from '../../../settings/mcp-commands.ts';
import { guardedFetch } from '../../egress/guarded-fetch.ts';
import type { Egress } from '../../egress.ts';
import { readHeaders } from '../../http-request/headers.ts';
import { type McpServer, textsIn } from '../server.ts';
import { ChildTransport } from './child-transport.ts';
import { unmarkMessages } from './exact-messages.ts';

/** The largest message, and the largest answer over HTTP. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The transport to a server, and the redaction of the secrets that it sends. */
export type McpTransport = {
  transport: Transport;
  /**
   * Returns the redaction of the secrets sent so far. A changed secret is sent without a new
   * connection.
   */
  redaction(): Redaction;
  /** Fires when an answer broke off, because calls that wait for it would never end. */
  broken: AbortSignal;
  /** Returns the last part of the server's stderr. */
  stderr(): string;
};

export type McpTransportOptions = McpCommands & {
  egress: Egress;
  readSecret: ReadSecret;
  accounts: AccessTokens;
};

/** Creates the transport to a server. Does not start or send anything. */
export async function openTransport(
  server: McpServer,
  options: McpTransportOptions,
): Promise<Outcome<McpTransport>> {
  return server.type === 'stdio' ? toProcess(server, options) : toUrl(server, options);
}

async function toProcess(
  server: McpServer,
  options: McpTransportOptions,
): Promise<Outcome<McpTransport>> {
  const { command, args = [], cwd = tmpdir() } = server.configuration;
  if (options.commands && !options.commands.includes(String(command))) {
    return unfit(`this worker may not start ${command}: it is not one of HOWDAH_MCP_COMMANDS`);
  }
  const secrets = await readAll(server, textsIn(server.configuration, 'secrets'), options);
  if (!secrets.ok) return secrets;
  const redaction = Redaction.of(secrets.value.values());
  const child = new ChildTransport({
    command: String(command),
    args: args as string[],
    cwd: String(cwd),
    env: {
      ...options.environment,
      ...textsIn(server.configuration, 'env'),
      ...Object.fromEntries(secrets.value),
    },
    maxBytes: MAX_BYTES,
    redaction,
  });
  const line: McpTransport = {
    transport: child,
    redaction: () => redaction,
    broken: new AbortController().signal,
    stderr: () => child.stderr,
  };
  return { ok: true, value: line };
}

/**
 * Creates the transport to a URL. Secrets are read for each request, so that a new value is used
 * without a new connection.
 */
async function toUrl(
  server: McpServer,
  options: McpTransportOptions,
): Promise<Outcome<McpTransport>> {
  const keys = new Set<string>();
  const broken = new AbortController();
  const first = await headersOf(server, options, keys);
  if (!first.ok) return first;
  const url = new URL(String(server.configuration.url));
  const allowPrivate = server.is_guarded === false ? [hostPatternOf(url)] : [];
  const bounds = { signal: broken.signal, maxBytes: MAX_BYTES, allowPrivate };
  const guarded = guardedFetch(options.egress, {
    ...bounds,
    onBroken: (method) => void (method === 'POST' && broken.abort()),
  });
  const listening = guardedFetch(options.egress, bounds);
  const send = async (input: string | URL, init: RequestInit, rejected?: string) => {
    const own = await headersOf(server, options, keys, rejected);
    if (!own.ok) throw new TypeError(own.error.message, { cause: own.error });
    const headers = new Headers(init.headers);
    for (const [name, value] of own.value) headers.set(name, value);
    const fetch = isListening(init) ? listening : guarded;
    return { response: await fetch(input, { ...init, headers }), token: bearerIn(own.value) };
  };
  const fetch = async (input: string | URL, init: RequestInit = {}) => {
    const { response, token } = await send(input, init);
    if (response.status !== 401 || server.account_id === undefined) return response;
    await response.body?.cancel();
    return (await send(input, init, token)).response; // with a new token
  };
  const transport = unmarkMessages(
    new StreamableHTTPClientTransport(url, {
      fetch: markingFetch(fetch as typeof globalThis.fetch),
    }),
  );
  let known = { size: 0, redaction: Redaction.of([]) };
  const redaction = () => {
    if (known.size !== keys.size) known = { size: keys.size, redaction: Redaction.of(keys) };
    return known.redaction;
  };
  return { ok: true, value: { transport, redaction, broken: broken.signal, stderr: () => '' } };
}

/**
 * Returns whether the answer is a stream that lasts as long as the connection. No call waits for
 * its end.
 */
function isListening({ body }: RequestInit): boolean {
  const method = 'subscriptions/listen';
  if (typeof body !== 'string' || !body.includes(method)) return false;
  return parseJson<{ method?: string }>(body).method === method;
}

async function headersOf(
  server: McpServer,
  options: McpTransportOptions,
  keys: Set<string>,
  rejected?: string,
): Promise<Outcome<Headers>> {
  const { configuration } = server;
  const token = await accountToken(server, options, rejected);
  if (!token.ok) return token;
  const named = textsIn(configuration, 'secrets');
  const bearer = configuration.secret_name;
  const secrets = await readAll(
    server,
    typeof bearer === 'string' ? { ...named, '': bearer } : named,
    options,
  );
  if (!secrets.ok) return secrets;
  const headers: Record<string, string> = { ...textsIn(configuration, 'headers') };
  for (const [name, value] of secrets.value) {
    keys.add(value);
    headers[name || 'authorization'] = name ? value : `Bearer ${value}`;
  }
  if (token.value !== null) {
    keys.add(token.value);
    headers.authorization = `Bearer ${token.value}`;
  }
  const read = readHeaders(headers, 'configuration.headers');
  return read.ok ? read : unfit(read.error.message);
}

/** Returns the current token of the account of an integration, or null without an account. */
async function accountToken(
  { account_id, configuration }: McpServer,
  { accounts }: McpTransportOptions,
  rejected: string | undefined,
): Promise<Outcome<string | null>> {
  if (account_id === undefined) return { ok: true, value: null };
  const access = await accounts.ofAccount(account_id, { url: String(configuration.url), rejected });
  return access.ok ? { ok: true, value: access.token } : { ok: false, error: access.error };
}

function bearerIn(headers: Headers): string | undefined {
  return headers.get('authorization')?.replace(/^Bearer /, '');
}

/** Reads secrets. The result maps the names of variables or headers to values. */
async function readAll(
  { tenant_id }: McpServer,
  names: Record<string, string>,
  { readSecret }: McpTransportOptions,
): Promise<Outcome<Map<string, string>>> {
  const values = new Map<string, string>();
  for (const [place, name] of Object.entries(names)) {
    const secret = await readSecret(tenant_id, name);
    if (!secret.ok) return secret;
    values.set(place, secret.value.trim());
  }
  return { ok: true, value: values };
}

function unfit(message: string): Outcome<never> {
  return { ok: false, error: { code: 'tool_failed', message, retryable: false } };
}
