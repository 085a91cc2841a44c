import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Outcome, RunError } from '../contracts/errors.ts';
import { isJsonObject } from '../json/json.ts';
import { type HostPattern, parseHostPattern } from '../network/host-pattern.ts';
import { decodedBody } from './egress/body.ts';
import { ConnectTimeout, failed, failureOf, refused } from './egress/failures.ts';
import { type Dial, dialDirectly, exchange, type Hop } from './egress/http-exchange.ts';
import { nextHop } from './egress/redirect.ts';
import {
  checkedAddresses,
  checkedTarget,
  type Resolve,
  type Rules,
  systemResolve,
  type Target,
} from './egress/target.ts';

/*
 * The one way out: every URL that comes from a row, a model or a foreign server is asked through here.
 *
 *   URL → scheme, no credentials → host on the caller's list → its addresses, all of them public
 *       → a connection to one of these → a redirect starts over
 *
 * The name is looked up once. Checking it and letting the connection look it up again would let a resolver
 * answer a public address first and 127.0.0.1 then.
 */

const MAX_REDIRECTS = 3;
const MAX_BODY_BYTES = 1_048_576;
const CONNECT_MS = 5_000;

export type EgressRequest = {
  url: string;
  /** GET when absent. */
  method?: string;
  headers?: Headers;
  body?: string | Uint8Array | undefined;
  /** The time the whole may take, and whoever may call it off. */
  signal: AbortSignal;
  /** Narrows: nothing else is reached, redirects included. */
  only?: readonly HostPattern[] | undefined;
  /** `manual` hands a redirect back as the answer. */
  redirect?: 'follow' | 'manual';
  /** Of the body, after decompression; 1 MiB when absent. */
  maxBytes?: number;
};

export type EgressAnswer<Body> = {
  /** Where the answer came from, after redirects. */
  url: string;
  status: number;
  headers: Headers;
  body: Body;
};

/** Outgoing HTTP under guard. None of these throws: what is refused or goes wrong is an outcome. */
export type Egress = Readonly<{
  /** The answer with its body as a stream, which has to be read or destroyed. */
  open(request: EgressRequest): Promise<Outcome<EgressAnswer<Readable>>>;
  /** The whole body of an answer that was opened with this signal. */
  read(answer: EgressAnswer<Readable>, signal: AbortSignal): Promise<Outcome<EgressAnswer<Buffer>>>;
  /** Where a connection that is no HTTP may go: the addresses of a host, under the same guard. */
  addresses(host: string, port: number, signal: AbortSignal): Promise<Outcome<string[]>>;
  /** Both at once. */
  send(request: EgressRequest): Promise<Outcome<EgressAnswer<Buffer>>>;
}>;

export type EgressOptions = {
  /** `host[:port]` that may be reached although it is not public: HOWDAH_EGRESS_ALLOW. */
  allowPrivate: readonly string[];
  /** For tests, as are the rest. */
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

/** Asks, and asks again where a redirect points to. */
async function follow(
  request: EgressRequest,
  wiring: Wiring,
): Promise<Outcome<EgressAnswer<Readable>>> {
  const { url, method = 'GET', headers = new Headers(), body } = request;
  let hop: Hop = { url, method, headers, body };
  for (let followed = 0; ; followed += 1) {
    const asked = await ask(hop, request, wiring);
    if (!asked.ok) return followed === 0 ? asked : afterSending(asked);
    const { target, answer } = asked.value;
    const next = request.redirect === 'manual' ? null : nextHop(hop, target, answer);
    if (next === null) return opened(asked.value, hop, request);
    answer.destroy();
    if (!next.ok) return afterSending(next);
    if (followed === MAX_REDIRECTS) {
      const message = `${target.host} redirects once more after ${MAX_REDIRECTS} redirects`;
      return afterSending(refused(message, target.host));
    }
    hop = next.value;
  }
}

/** The first server has had the request, whatever became of the way it sent us: that may have had an effect. */
function afterSending({ error }: { ok: false; error: RunError }): { ok: false; error: RunError } {
  const cause = isJsonObject(error.cause) ? error.cause : {};
  return { ok: false, error: { ...error, cause: { ...cause, sent: true } } };
}

type Asked = { target: Target; answer: Awaited<ReturnType<typeof exchange>> };

/** One hop: check, connect, send. Looking up, connecting and TLS share one time limit. */
async function ask(hop: Hop, request: EgressRequest, wiring: Wiring): Promise<Outcome<Asked>> {
  const { connectMs, dial } = wiring;
  const connecting = new AbortController();
  const timer = setTimeout(() => connecting.abort(new ConnectTimeout(connectMs)), connectMs);
  const onConnect = (): void => clearTimeout(timer);
  const signal = AbortSignal.any([request.signal, connecting.signal]);
  try {
    const target = await checkedTarget(hop.url, { ...wiring.rules, only: request.only }, signal);
    if (!target.ok) return target;
    try {
      const answer = await exchange(target.value, hop, dial, { signal, onConnect });
      return { ok: true, value: { target: target.value, answer } };
    } catch (error) {
      return failureOf(error, target.value.host, signal);
    }
  } finally {
    clearTimeout(timer);
  }
}

function opened(
  { target, answer }: Asked,
  hop: Hop,
  { maxBytes = MAX_BODY_BYTES }: EgressRequest,
): Outcome<EgressAnswer<Readable>> {
  const body = decodedBody(answer, hop.method, maxBytes);
  if (body === null) {
    answer.destroy();
    const message = `${target.host} compresses its answer in a way that was not asked for; gzip and br are`;
    return failed('bad_answer', message, { host: target.host });
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
    return failureOf(error, new URL(answer.url).hostname, signal);
  }
}
