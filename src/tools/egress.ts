import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Outcome, RunError } from '../contracts/errors.ts';
import { isJsonObject } from '../json/json.ts';
import { type HostPattern, parseHostPattern } from '../network/host-pattern.ts';
import { decodedBody } from './egress/body.ts';
import {
  ConnectTimeout,
  createEgressFailure,
  egressFailure,
  rejectRequest,
} from './egress/failures.ts';
import { type Dial, dialDirectly, exchangeHttp, type Hop } from './egress/http-exchange.ts';
import { nextHop } from './egress/redirect.ts';
import {
  checkedAddresses,
  checkedTarget,
  type EgressTarget,
  type Resolve,
  type Rules,
  systemResolve,
} from './egress/target.ts';

/*
 * Guards all outgoing HTTP. Every request to a URL from a row, a model or a foreign server passes
 * through this file.
 *
 *   URL → scheme, no credentials → host on the caller's list → its addresses, all of them public
 *       → a connection to one of these → a redirect starts over
 *
 * The name is resolved once. If the connection resolved it again after the check, a resolver could
 * first return a public address and then 127.0.0.1.
 */

const MAX_REDIRECTS = 3;
const MAX_BODY_BYTES = 1_048_576;
const CONNECT_MS = 5_000;

export type EgressRequest = {
  url: string;
  /** The method. By default GET. */
  method?: string;
  headers?: Headers;
  body?: string | Uint8Array | undefined;
  /** Aborts the request, after a time-out or on behalf of the caller. */
  signal: AbortSignal;
  /** The only hosts that may be reached, redirects included. By default all public hosts. */
  only?: readonly HostPattern[] | undefined;
  /** Hosts of this request that may be reached although they are not public. */
  allowPrivate?: readonly HostPattern[] | undefined;
  /** The handling of redirects. `manual` returns a redirect as the answer. */
  redirect?: 'follow' | 'manual';
  /** The largest body after decompression. By default 1 MiB. */
  maxBytes?: number;
};

export type EgressAnswer<Body> = {
  /** The URL of the answer, after redirects. */
  url: string;
  status: number;
  headers: Headers;
  body: Body;
};

/** Guarded outgoing HTTP. No function throws: rejected and failed requests are outcomes. */
export type Egress = Readonly<{
  /**
   * Sends a request and returns the answer with its body as a stream. The caller must read or
   * destroy the stream.
   */
  open(request: EgressRequest): Promise<Outcome<EgressAnswer<Readable>>>;
  /** Reads the whole body of an answer that was opened with this signal. */
  read(answer: EgressAnswer<Readable>, signal: AbortSignal): Promise<Outcome<EgressAnswer<Buffer>>>;
  /** Returns the addresses of a host for a connection that is not HTTP, under the same rules. */
  addresses(host: string, port: number, signal: AbortSignal): Promise<Outcome<string[]>>;
  /** Sends a request and reads the whole body. */
  send(request: EgressRequest): Promise<Outcome<EgressAnswer<Buffer>>>;
}>;

export type EgressOptions = {
  /**
   * Entries `host[:port]` that may be reached although they are not public: HOWDAH_EGRESS_ALLOW.
   */
  allowPrivate: readonly string[];
  /** An override for tests, like the options below. */
  resolve?: Resolve;
  dial?: Dial;
  connectMs?: number;
};

type Wiring = { rules: Omit<Rules, 'only'>; dial: Dial; connectMs: number };

export function createEgress(options: EgressOptions): Egress {
  const allowPrivate = options.allowPrivate.map(parseHostPattern).filter((entry) => entry !== null);
  const wiring: Wiring = {
    rules: { allowPrivate, resolve: options.resolve ?? systemResolve },
    dial: options.dial ?? dialDirectly,
    connectMs: options.connectMs ?? CONNECT_MS,
  };
  return Object.freeze({
    open: (request: EgressRequest) => follow(request, wiring),
    read: whole,
    addresses: async (host: string, port: number, signal: AbortSignal) => {
      const timed = AbortSignal.any([signal, AbortSignal.timeout(wiring.connectMs)]);
      const found = await checkedAddresses(host, port, wiring.rules, timed);
      return found.ok
        ? { ok: true as const, value: found.value.map(({ address }) => address) }
        : found;
    },
    send: async (request: EgressRequest) => {
      const answer = await follow(request, wiring);
      return answer.ok ? await whole(answer.value, request.signal) : answer;
    },
  });
}

/** Sends a request and follows its redirects. */
async function follow(
  request: EgressRequest,
  wiring: Wiring,
): Promise<Outcome<EgressAnswer<Readable>>> {
  const { url, method = 'GET', headers = new Headers(), body } = request;
  let hop: Hop = { url, method, headers, body };
  for (let followed = 0; ; followed += 1) {
    const result = await ask(hop, request, wiring);
    if (!result.ok) return followed === 0 ? result : afterSending(result);
    const { target, answer } = result.value;
    const next = request.redirect === 'manual' ? null : nextHop(hop, target, answer);
    if (next === null) return openBody(result.value, hop, request);
    answer.destroy();
    if (!next.ok) return afterSending(next);
    if (followed === MAX_REDIRECTS) {
      const message = `${target.host} redirects once more after ${MAX_REDIRECTS} redirects`;
      return afterSending(rejectRequest(message, target.host));
    }
    hop = next.value;
  }
}

/**
 * Marks a failure after the first server has received the request, because the request may have had
 * an effect.
 */
function afterSending({ error }: { ok: false; error: RunError }): { ok: false; error: RunError } {
  const cause = isJsonObject(error.cause) ? error.cause : {};
  return { ok: false, error: { ...error, cause: { ...cause, sent: true } } };
}

type Exchanged = { target: EgressTarget; answer: Awaited<ReturnType<typeof exchangeHttp>> };

/** Sends one hop: check, connect, send. DNS lookup, connecting and TLS share one time limit. */
async function ask(hop: Hop, request: EgressRequest, wiring: Wiring): Promise<Outcome<Exchanged>> {
  const { connectMs, dial } = wiring;
  const connecting = new AbortController();
  const timer = setTimeout(() => connecting.abort(new ConnectTimeout(connectMs)), connectMs);
  const onConnect = (): void => clearTimeout(timer);
  const signal = AbortSignal.any([request.signal, connecting.signal]);
  try {
    const target = await checkedTarget(hop.url, rulesOf(request, wiring), signal);
    if (!target.ok) return target;
    try {
      const answer = await exchangeHttp(target.value, hop, dial, { signal, onConnect });
      return { ok: true, value: { target: target.value, answer } };
    } catch (error) {
      return egressFailure(error, target.value.host, signal);
    }
  } finally {
    clearTimeout(timer);
  }
}

function rulesOf({ only, allowPrivate = [] }: EgressRequest, { rules }: Wiring): Rules {
  return { ...rules, only, allowPrivate: [...rules.allowPrivate, ...allowPrivate] };
}

function openBody(
  { target, answer }: Exchanged,
  hop: Hop,
  { maxBytes = MAX_BODY_BYTES }: EgressRequest,
): Outcome<EgressAnswer<Readable>> {
  const body = decodedBody(answer, hop.method, maxBytes);
  if (body === null) {
    answer.destroy();
    const message = `${target.host} compresses its answer in a way that was not asked for; gzip and br are`;
    return createEgressFailure('bad_answer', message, { host: target.host });
  }
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(answer.headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  return {
    ok: true,
    value: { url: target.url.href, status: answer.statusCode ?? 0, headers, body },
  };
}

async function whole(
  answer: EgressAnswer<Readable>,
  signal: AbortSignal,
): Promise<Outcome<EgressAnswer<Buffer>>> {
  try {
    return { ok: true, value: { ...answer, body: await buffer(answer.body) } };
  } catch (error) {
    return egressFailure(error, new URL(answer.url).hostname, signal);
  }
}
