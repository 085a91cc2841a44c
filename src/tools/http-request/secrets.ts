import type { Outcome, RunError } from '../../contracts/errors.ts';
import {
  type HostPattern,
  hostOf,
  isListed,
  parseHostPattern,
} from '../../contracts/host-pattern.ts';
import { isJsonObject, type Json } from '../../contracts/json.ts';
import { REDACTED, spellings } from '../../contracts/redacted.ts';
import { isHeader } from './headers.ts';

type HeaderSecret = { secret_name: string; hosts: string[]; prefix?: string };

/** The headers that hold secrets for this URL, and the values, which nothing that comes back may repeat. */
export type SecretHeaders = { headers: [name: string, value: string][]; values: string[] };

/**
 * What `configuration.secrets` sends along: `{"authorization": {"secret_name", "hosts", "prefix"}}`. Only to the hosts that
 * stand there, and in the clear only where one stands with its port. A redirect to elsewhere carries none of them.
 */
export async function secretHeaders(
  configured: Json | undefined,
  url: string,
  read: (name: string) => Promise<Outcome<string>>,
): Promise<Outcome<SecretHeaders>> {
  const found: SecretHeaders = { headers: [], values: [] };
  const target = URL.parse(url);
  if (!target || !isJsonObject(configured ?? null)) return { ok: true, value: found };
  for (const [header, entry] of Object.entries(configured as Record<string, HeaderSecret>)) {
    if (!isFor(entry.hosts, target)) continue;
    const secret = await read(entry.secret_name);
    if (!secret.ok) return { ok: false, error: asToolFault(secret.error) };
    const value = secret.value.trim();
    const sent = (entry.prefix ?? '') + value;
    if (!isHeader(header, sent)) return unsendable(header, entry.secret_name);
    found.headers.push([header, sent]);
    found.values.push(value);
  }
  return { ok: true, value: found };
}

function isFor(hosts: string[], target: URL): boolean {
  const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80);
  const patterns = hosts.map(parseHostPattern).filter((one): one is HostPattern => one !== null);
  const fit =
    target.protocol === 'https:' ? patterns : patterns.filter((pattern) => pattern.port !== null);
  return isListed(fit, hostOf(target), port);
}

/** Takes the values that were sent out of a text, however they are spelled. */
export type Conceal = { text(text: string): string; longest: number };

export function concealing(secrets: readonly string[]): Conceal {
  const known = secrets.flatMap(spellings).filter((spelling) => spelling !== '');
  return {
    text: (text) => known.reduce((rest, spelling) => rest.replaceAll(spelling, REDACTED), text),
    longest: Math.max(0, ...known.map(({ length }) => length)),
  };
}

/** The same for all texts of a value. */
export function withoutSecrets<T extends Json>(value: T, conceal: Conceal): T {
  if (conceal.longest === 0) return value;
  const clean = (one: Json): Json => {
    if (typeof one === 'string') return conceal.text(one);
    if (Array.isArray(one)) return one.map(clean);
    if (!isJsonObject(one)) return one;
    return Object.fromEntries(
      Object.entries(one).map(([key, inner]) => [clean(key) as string, clean(inner)]),
    );
  };
  return clean(value) as T;
}

/** Says nothing of the value: what is said stays in the log. */
function unsendable(header: string, secret: string): Outcome<never> {
  const message = `the header ${header} cannot be sent with the secret ${secret}: one of them holds characters no header has`;
  return { ok: false, error: { code: 'tool_failed', message, retryable: false } };
}

/** The fault is in a row, where no model can mend it; a database that could not be asked may answer next time. */
export function asToolFault(error: RunError): RunError {
  return error.retryable ? error : { ...error, code: 'tool_failed' };
}
