import type { Client, HttpHeaders } from '@a2a-js/sdk/client';
import {
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client';
import type { ModelCallContext, ModelRef } from '../../contracts/agents/model.ts';
import type { Failure, Outcome, RunError } from '../../contracts/errors.ts';
import type { Json } from '../../json/json.ts';
import { markingFetch } from '../../json/mark-lines.ts';
import { EXECUTION_HEADER } from '../../network/execution-header.ts';
import { createFailure } from '../../providers/failure.ts';
import { guardedFetch } from '../../tools/egress/guarded-fetch.ts';
import type { Egress } from '../../tools/egress.ts';
import { readHeaders } from '../../tools/http-request/headers.ts';

/** Most bytes of one answer, a stream included. */
const MAX_BYTES = 32 * 1024 * 1024;

const BINDINGS: ReadonlySet<string> = new Set(['JSONRPC', 'HTTP+JSON']);

/** The last answer that was no success, or the request that was not sent or failed. */
export type HttpFault =
  | { kind: 'rejected'; error: RunError }
  | { kind: 'status'; host: string; status: number; headers: Headers };

export type Connection = {
  client: Client;
  /** True if the agent streams updates. */
  isStreaming: boolean;
  /** The host of the agent, for errors. */
  host: string;
  /** Sends a guarded request. Headers and key go to the configured host only. */
  fetch: typeof fetch;
};

/** The longest event that the client of the SDK reads, in bytes. */
const LONGEST_EVENT = 4 * 1024 * 1024;

/** The requests of one call, and the fault of the last request. */
export type Requests = { fetch: typeof fetch; fault(): HttpFault | undefined };

/**
 * Creates the guarded `fetch` of one call. The configured headers and the key are sent to the
 * origin of the configured URL only, since a card and a file may name any other address.
 */
export function createRequests(
  { base_url, request_params, secret_name }: ModelRef,
  { key, run, signal, traceparent }: ModelCallContext,
  egress: Egress,
): Outcome<Requests> {
  const own = readHeaders(request_params.headers, 'engine_configuration.headers');
  if (!own.ok) return { ok: false, error: { ...own.error, code: 'invalid_request' } };
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key.trim())) return unsendableKey(secret_name);
  let fault: HttpFault | undefined;
  const onRejected = (error: RunError) => {
    fault = { kind: 'rejected', error };
  };
  const onBroken = (_method: string, error: RunError) => onRejected(error);
  const guarded = guardedFetch(egress, { signal, maxBytes: MAX_BYTES, onRejected, onBroken });
  const { origin } = new URL(base_url ?? '');
  const fetchWithKey: typeof fetch = async (input, init = {}) => {
    const url = new URL(String(input));
    const headers = new Headers({ 'user-agent': 'howdah', ...(init.headers as HttpHeaders) });
    if (url.origin === origin) {
      for (const [name, value] of own.value) headers.set(name, value);
      if (key !== undefined) headers.set('authorization', `Bearer ${key.trim()}`);
    }
    if (traceparent) headers.set('traceparent', traceparent);
    if (run && init.method === 'POST') headers.set('idempotency-key', run.idempotency_key);
    if (run) headers.set(EXECUTION_HEADER, run.execution_id);
    fault = undefined;
    const response = await guarded(url, { ...init, headers });
    const { status } = response;
    if (!response.ok) fault = { kind: 'status', host: url.host, status, headers: response.headers };
    return response;
  };
  return { ok: true, value: { fetch: fetchWithKey, fault: () => fault } };
}

function unsendableKey(secretName = ''): Failure {
  const message = `The secret ${secretName} contains characters that are not allowed in a key.`;
  return createFailure('unauthorized', message);
}

/**
 * Reads the card of an agent, and opens a client for an interface of the card. Versions 1.0 and 0.3
 * are supported, over JSON-RPC and over HTTP. Throws the errors of the requests and of the SDK.
 */
export async function connectAgent(
  { base_url, request_params, secret_name }: ModelRef,
  { fetch }: Requests,
): Promise<Outcome<Connection>> {
  const configured = new URL(base_url ?? '');
  const options = {
    fetchImpl: markingFetch(fetch, { longestLine: LONGEST_EVENT }),
    legacyCompat: { enabled: true },
  };
  const resolver = new DefaultAgentCardResolver(options);
  const card = await resolver.resolve(...addressOfCard(configured));
  const factory = new ClientFactory({
    transports: [new JsonRpcTransportFactory(options), new RestTransportFactory(options)],
    cardResolver: { resolve: async () => card },
    clientConfig: {
      polling: true,
      acceptedOutputModes: texts(request_params.accepted_output_modes),
    },
  });
  const interfaces = card.supportedInterfaces ?? [];
  const hasOwnHeaders = secret_name !== undefined || request_params.headers !== undefined;
  const elsewhere = interfaces.find(({ url }) => originOf(url) !== configured.origin);
  if (hasOwnHeaders && elsewhere) return refuseOtherOrigin(configured.host, elsewhere.url);
  if (!interfaces.some(({ protocolBinding }) => BINDINGS.has(protocolBinding?.toUpperCase()))) {
    const message = `The card of ${configured.host} names no endpoint over JSON-RPC or HTTP+JSON.`;
    return createFailure('invalid_request', message);
  }
  const client = await factory.createFromAgentCard(card);
  const isStreaming = card.capabilities?.streaming === true;
  return { ok: true, value: { client, isStreaming, host: configured.host, fetch } };
}

/** Returns the URL of a card: the URL itself, or the well-known path below it. */
function addressOfCard(url: URL): [string, string?] {
  if (url.pathname.endsWith('.json')) return [url.href, ''];
  return [url.pathname.endsWith('/') ? url.href : `${url.href}/`];
}

function originOf(url: string): string | undefined {
  return URL.parse(url)?.origin;
}

function refuseOtherOrigin(host: string, url: string): Failure {
  const other = originOf(url) ?? JSON.stringify(url.slice(0, 200));
  const message = `The card of ${host} names an endpoint at ${other}. The secret and the headers of engine_configuration are only sent to ${host}. Set url to an address at the endpoint's host.`;
  return createFailure('invalid_request', message);
}

function texts(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
